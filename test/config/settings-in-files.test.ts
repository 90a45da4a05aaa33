import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings.ts'
import { givenFolder } from '../support/folder.ts'
import { KEY, problemsOf, PRODUCTION, refuses } from '../support/settings.ts'

async function givenFile(t: Test, content: string): Promise<string> {
  const folder = await givenFolder(t)
  const path = join(folder, 'secret')
  await writeFile(path, content)
  return path
}

void t.test('NAME_FILE: read for every setting, without the line end', async (t) => {
  const path = await givenFile(t, `${KEY.toString('base64')}\n`)
  t.same(readConfig({ KEY_ENCRYPTION_KEY_FILE: path }).keyEncryptionKey, KEY)
  const port = await givenFile(t, '8081\r\n')
  t.equal(readConfig({ PORT_FILE: port }).port, 8_081)
  const files: Record<string, string> = {}
  for (const [name, value] of Object.entries(PRODUCTION)) {
    files[`${name}_FILE`] = await givenFile(t, `${value}\n`)
  }
  t.same(readConfig(files), readConfig(PRODUCTION), 'all of production from files')
})

void t.test('NAME_FILE that gives nothing good: a problem, without value or content', async (t) => {
  const path = await givenFile(t, 'canary-content')
  for (const { name } of Object.values(SETTINGS)) {
    const missing = `${path}-canary`
    refuses(t, { [`${name}_FILE`]: missing }, `${name}_FILE`, missing)
    refuses(t, { [`${name}_FILE`]: join(path, '..') }, `${name}_FILE`, path)
  }
  const content = problemsOf({
    DATABASE_URL_FILE: path,
    PORT_FILE: path,
    KEY_ENCRYPTION_KEY_FILE: path
  })
  t.equal(content.length, 3)
  t.notMatch(content.join(), /canary/)
  refuses(t, { DATABASE_URL_FILE: await givenFile(t, '\n') }, 'DATABASE_URL')
  if (process.getuid?.() !== 0) {
    await chmod(path, 0)
    refuses(t, { DATABASE_URL_FILE: path }, 'DATABASE_URL_FILE', path)
  }
})

void t.test('NAME and NAME_FILE at once: a problem, whichever is right', async (t) => {
  const path = await givenFile(t, PRODUCTION.DATABASE_URL)
  const both = { ...PRODUCTION, DATABASE_URL_FILE: path }
  refuses(t, both, 'DATABASE_URL_FILE', path)
  refuses(t, { ...PRODUCTION, KEY_ENCRYPTION_KEY_FILE: path }, 'KEY_ENCRYPTION_KEY_FILE', path)
  t.strictSame(problemsOf({ ...PRODUCTION, DATABASE_URL_FILE: '' }), [], 'an empty one is unset')
})
