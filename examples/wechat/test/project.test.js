/** The project as the developer tools read it. */
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');

const PROJECT = path.join(__dirname, '..');

/** @param {string} file */
function json(file) {
  return JSON.parse(fs.readFileSync(path.join(PROJECT, file), 'utf8'));
}

/** @param {string} file */
function exists(file) {
  return fs.existsSync(path.join(PROJECT, 'miniprogram', file));
}

describe('the project', () => {
  const app = json('miniprogram/app.json');

  it('has every page whole', () => {
    for (const page of app.pages) {
      for (const kind of ['js', 'json', 'wxml', 'wxss']) {
        assert.ok(exists(`${page}.${kind}`), `${page}.${kind}`);
      }
    }
  });

  it('has every component that a page uses', () => {
    for (const page of app.pages) {
      const used = Object.values(json(`miniprogram/${page}.json`).usingComponents || {});
      for (const component of used) {
        assert.equal(json(`miniprogram${component}.json`).component, true);
      }
    }
  });

  it('lists pages in its sitemap that it has', () => {
    for (const { page } of json('miniprogram/sitemap.json').rules) {
      assert.ok(page === '*' || app.pages.includes(page), page);
    }
  });

  it("builds npm into the mini-program's folder, and has nobody's app id", () => {
    const project = json('project.config.json');
    const [relation] = project.setting.packNpmRelationList;
    assert.equal(path.join(relation.miniprogramNpmDistDir, '/'), project.miniprogramRoot);
    assert.ok(json(relation.packageJsonPath).dependencies.steadfast);
    assert.equal(project.appid, 'touristappid');
  });
});
