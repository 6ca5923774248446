// The little that every view does with the document. In: ids, texts. Out: elements. A text is only
// written where it differs, so that nothing is read out twice.

/** The element with this id, which the page has. */
export function by<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element as unknown as T;
}

/** Writes a text where it is another one. */
export function put(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute where it is another one; takes it off for null. */
export function set(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** A new element with attributes, and text or children. */
export function make(
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for pictures. */
export function draw(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** One of the page's signs. */
export function sign(name: string): SVGElement {
  const use = draw("use", { href: `#sign-${name}` });
  return draw("svg", { class: "small-sign", "aria-hidden": "true" }, use);
}
