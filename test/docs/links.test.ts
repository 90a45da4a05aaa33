import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..')
const pages = [
  'README.md',
  'docs/README.md',
  'docs/protect-an-api.md',
  'docs/log-in-from-a-browser-app.md',
  'docs/log-in-from-a-server-app.md',
  ...globSync('examples/*.md', { cwd: ROOT }),
  ...globSync('examples/*/*.md', { cwd: ROOT, exclude: ['**/node_modules'] })
]

void t.test('every link of the pages by task and of the examples: leads somewhere', (t) => {
  const links = pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8')
    return [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, to = '']) => ({ page, to }))
  })
  t.ok(links.length > 8)
  for (const { page, to } of links) {
    t.ok(existsSync(join(ROOT, dirname(page), to)), `${page}: ${to}`)
  }
  t.end()
})

void t.test('every page of docs: is linked by the README and by the index', (t) => {
  const names = globSync('*.md', { cwd: join(ROOT, 'docs') }).filter((name) => name !== 'README.md')
  t.ok(names.length > 10)
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  for (const name of names) {
    t.ok(readme.includes(`](docs/${name})`), `README.md: ${name}`)
    t.ok(index.includes(`](${name})`), `docs/README.md: ${name}`)
  }
  t.end()
})

void t.test('the two lists of pages, side by side: the same ones in the same order', (t) => {
  const inReadme = readFileSync(join(ROOT, 'README.md'), 'utf8').split('## Documents')[1] ?? ''
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  const ofReadme = [...inReadme.matchAll(/\]\(docs\/([\w-]+\.md)\)/g)].map(([, name]) => name)
  const ofIndex = [...index.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name)
  t.strictSame(
    ofReadme.filter((name) => name !== 'README.md'),
    ofIndex
  )
  t.end()
})

void t.test('every npm script and option of clients that they name: exists', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const usage = readFileSync(join(ROOT, 'scripts/clients/command-line.ts'), 'utf8')
  const text = pages.map((page) => readFileSync(join(ROOT, page), 'utf8')).join('\n')
  for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g)) t.ok(name in scripts, name)
  const creations = text.matchAll(/npm run clients -- create((?:.|\\\n)*)/g)
  for (const [, line = ''] of creations) {
    for (const [option] of line.matchAll(/--[a-z-]+/g)) t.ok(usage.includes(option), option)
  }
  t.end()
})
