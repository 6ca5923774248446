/**
 * What 构建 npm does in the developer tools, for packages that come with a build for mini-programs.
 * In: the dependencies in package.json. Out: `miniprogram/miniprogram_npm`.
 */
const fs = require('node:fs');
const path = require('node:path');

const PROJECT = path.join(__dirname, '../..');
const TARGET = path.join(PROJECT, 'miniprogram/miniprogram_npm');

/** @param {string} folder */
function manifest(folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
}

for (const name of Object.keys(manifest(PROJECT).dependencies)) {
  const folder = path.join(PROJECT, 'node_modules', name);
  const built = path.join(folder, manifest(folder).miniprogram);
  if (!fs.existsSync(built)) {
    throw new Error(`${name} is not built: run \`npm run build\` in ${fs.realpathSync(folder)}`);
  }
  const target = path.join(TARGET, name);
  fs.rmSync(target, { recursive: true, force: true });
  fs.cpSync(built, target, { recursive: true });
}
