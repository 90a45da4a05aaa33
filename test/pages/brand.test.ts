import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { readLook } from '../../src/pages/look.ts'
import { startApp } from '../support/app.ts'
import { startInVain } from '../support/start.ts'

const SVG =
  '<?xml version="1.0"?>\n<!-- ours -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const WEBP = Buffer.from('524946461a000000574542505650384c', 'hex')

function lookOf(env: Record<string, string>) {
  return readLook(readConfig(env))
}

async function fileWith(t: Test, content: string | Buffer, name = 'logo'): Promise<string> {
  const path = join(t.testdir(), name)
  await writeFile(path, content)
  return path
}

void t.test('name, logo and colour: on every page, from our own origin', async (t) => {
  const logo = await fileWith(t, SVG)
  const app = await startApp(t, {
    BRAND_NAME: 'Nordlicht & Söhne',
    BRAND_LOGO_FILE: logo,
    BRAND_COLOR: '#FFCC00'
  })
  for (const url of ['/', '/login', '/forgot-password', '/verify-email?token=x', '/dev/mail']) {
    const { body } = await app.get(url)
    t.match(body, / – Nordlicht &amp; Söhne<\/title>/, url)
    t.match(body, /<img src="\/assets\/logo\?v=[0-9a-f]{12}" alt="Nordlicht &amp; Söhne">/, url)
    t.notMatch(body, 'Latchkey', url)
  }
  const picture = await app.get('/assets/logo')
  t.equal(picture.headers['content-type'], 'image/svg+xml')
  t.equal(picture.headers['x-content-type-options'], 'nosniff')
  t.match(picture.headers['content-security-policy'], /^default-src 'none';.*sandbox$/)
  t.notMatch(picture.headers['content-security-policy'], 'script-src')
  t.equal(picture.body, SVG)
  const { body: css, headers } = await app.get('/assets/pages.css')
  t.match(css, '--pico-primary-background:#ffcc00')
  t.match(css, '--pico-primary-inverse:#000000', 'black reads on yellow')
  t.match(headers['cache-control'], /public/)
})

void t.test('nothing set: our name, no logo', async (t) => {
  const app = await startApp(t)
  const { body } = await app.get('/login')
  t.match(body, /<title>Log in – Latchkey<\/title>/)
  t.notMatch(body, '<img')
  t.equal((await app.get('/assets/logo')).statusCode, 404)
})

void t.test('a logo: its type is what is in it', async (t) => {
  for (const [content, type] of [
    [SVG, 'image/svg+xml'],
    ['\uFEFF<svg viewBox="0 0 1 1"/>', 'image/svg+xml'],
    [PNG, 'image/png'],
    [WEBP, 'image/webp']
  ] as const) {
    t.equal(lookOf({ BRAND_LOGO_FILE: await fileWith(t, content, 'logo.gif') }).logo?.type, type)
  }
})

void t.test('a logo that will not do: the setting is named, its value is not', async (t) => {
  const bad: Record<string, string> = {
    'not there': join(t.testdir(), 'c4n4ry.png'),
    'a folder': t.testdir({ c4n4ry: {} }),
    'too big': await fileWith(t, Buffer.concat([PNG, randomBytes(256 * 1_024)]), 'c4n4ry'),
    html: await fileWith(t, '<html><body><svg></svg>', 'c4n4ry.svg'),
    empty: await fileWith(t, '', 'c4n4ry-2'),
    jpeg: await fileWith(t, Buffer.from('ffd8ffe000104a464946', 'hex'), 'c4n4ry-3')
  }
  for (const [what, path] of Object.entries(bad)) {
    t.throws(() => lookOf({ BRAND_LOGO_FILE: path }), { message: /- BRAND_LOGO_FILE / }, what)
    try {
      lookOf({ BRAND_LOGO_FILE: path })
    } catch (error) {
      t.notMatch((error as Error).message, 'c4n4ry', what)
    }
  }
})

void t.test('name and colour that will not do: refused with what is expected', (t) => {
  const bad: Record<string, string[]> = {
    BRAND_COLOR: ['red', '#fff', '#gggggg', '#0172ad; } body { display: none', ' #0172ad'],
    BRAND_NAME: ['<b>', 'a"b', 'a\nb', ' a', 'a\u202eb', 'x'.repeat(61)]
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      t.throws(
        () => readConfig({ [name]: value }),
        { message: new RegExp(`- ${name} must be a`) },
        value
      )
    }
  }
  t.equal(readConfig({ BRAND_NAME: 'Größe 🦉 GmbH' }).brandName, 'Größe 🦉 GmbH')
  t.end()
})

void t.test(
  'templates of our own: replace ours, the layout too, and may include others',
  async (t) => {
    const directory = t.testdir({
      'layout.eta':
        '<html lang="de"><title><%= it.title %></title><%~ include("imprint") %><%~ it.body %></html>',
      'imprint.eta': '<footer><%= it.nothing ?? "Impressum" %></footer>',
      'logout.eta': '<% layout("layout", { title: "Tschüs" }) %><h1>Auf Wiedersehen</h1>',
      'README.txt': '<% this is no template'
    })
    const app = await startApp(t, { PAGES_TEMPLATES_DIR: directory })
    t.equal(
      (await app.get('/logout')).body.replaceAll('\n', ''),
      '<html lang="de"><title>Tschüs</title><footer>Impressum</footer><h1>Auf Wiedersehen</h1></html>'
    )
    const login = await app.get('/login')
    t.match(
      login.body,
      /^<html lang="de"><title>Log in<\/title>/,
      'ours, in the layout that replaces ours'
    )
    t.match(login.body, 'name="csrf_token"')
  }
)

void t.test('templates that will not do: the start says which file', (t) => {
  const missing = join(t.testdir(), 'c4n4ry')
  t.throws(() => lookOf({ PAGES_TEMPLATES_DIR: missing }), {
    message: /- PAGES_TEMPLATES_DIR names a folder that cannot be read \(ENOENT\)$/
  })
  for (const source of ['<% if (', '<%= it. %>', '<% } %>', '<% unclosed']) {
    const directory = t.testdir({ 'login.eta': source, 'logout.eta': 'fine' })
    t.throws(() => lookOf({ PAGES_TEMPLATES_DIR: directory }), {
      message: /- PAGES_TEMPLATES_DIR holds login\.eta, which is no template/
    })
  }
  t.end()
})

void t.test(
  'the server, with both wrong: does not start, and names both in sentences',
  async (t) => {
    const { code, output } = await startInVain(t, {
      BRAND_LOGO_FILE: '/c4n4ry',
      PAGES_TEMPLATES_DIR: '/c4n4ry',
      DATABASE_URL: process.env['TEST_DATABASE_URL'] ?? ''
    })
    t.equal(code, 1)
    t.match(output, /^Latchkey cannot start\. 2 settings are wrong:$/m)
    t.match(output, /- BRAND_LOGO_FILE names a file that cannot be read \(ENOENT\)/)
    t.match(output, /- PAGES_TEMPLATES_DIR names a folder/)
    t.notMatch(output, 'c4n4ry')
  }
)
