// What phones of 2018 lack of the language's own library. Part of the build for mini-programs, and
// without effect where it is there. A block of its own, since the bundle behind it may have a
// function of the same name.

{
  const add = (target, name, value) => {
    if (!target[name]) {
      Object.defineProperty(target, name, { value, configurable: true, writable: true });
    }
  };

  add(Object, "fromEntries", (entries) => {
    const all = {};
    for (const [name, value] of entries) all[name] = value;
    return all;
  });

  add(Array.prototype, "flatMap", function flatMap(make) {
    return [].concat(...this.map(make));
  });

  add(Array.prototype, "at", function at(index) {
    return this[index < 0 ? this.length + index : index];
  });
}
