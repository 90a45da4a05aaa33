import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../src/settings.ts'
import { startListeningApp } from '../support/browser.ts'
import { DEVICE_GRANT, givenDevice, givenPerson, decide, poll } from '../support/device.ts'
import { eventually } from '../support/eventually.ts'
import { collect } from '../support/server.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const page = await readFile(join(ROOT, 'docs/log-in-on-a-device.md'), 'utf8')
const app = await startListeningApp(t)

/** The code block that is marked with this name. */
function block(name: string): string {
  const found = new RegExp(`<!-- ${name}:.*?-->\\s+\`\`\`\\w+\\n(.*?)\`\`\``, 's').exec(page)?.[1]
  if (found === undefined) throw new Error(`The page has no block ${name}.`)
  return found
}

function run(command: string, args: string[], env: Record<string, string>) {
  const path = { PATH: process.env['PATH'] ?? '' }
  const child = spawn(command, args, { cwd: ROOT, env: { ...path, ...env } })
  t.teardown(() => child.kill('SIGKILL'))
  return { output: collect(child), closed: once(child, 'close') }
}

void t.test(
  'the page, followed from the first line to the last: a device is logged in',
  async (t) => {
    const created = run('sh', ['-c', block('register')], app.env)
    await created.closed
    const CLIENT_ID = /client_id +(\S+)/.exec(created.output())?.[1] ?? ''
    t.not(CLIENT_ID, '', created.output())
    t.notMatch(created.output(), 'client_secret')

    const script = join(t.testdir({}), 'device-login.mjs')
    await writeFile(script, block('device'))
    // Its seconds are a twentieth as long, so that it is also told to slow down.
    const hurry = `const wait = setTimeout
    globalThis.setTimeout = (work, ms) => wait(work, ms / 20)`
    const preload = `data:text/javascript,${encodeURIComponent(hurry)}`
    const env = { CLIENT_ID, LATCHKEY: app.issuer }
    const device = run(process.execPath, ['--import', preload, script], env)
    const code = await eventually(
      'a code',
      () => Promise.resolve(/type (\S{9})/.exec(device.output())?.[1]),
      20_000
    )
    t.match(device.output(), `Open ${app.issuer}/device and type`)
    const { user, browser } = await givenPerson(app)
    t.equal((await decide(browser, code)).statusCode, 200)
    const [status] = (await device.closed) as [number]
    t.equal(status, 0, device.output())
    t.match(device.output(), `Logged in as ${user.email}`)

    const client = { id: CLIENT_ID, secret: null }
    const another = await givenDevice(app, client, { scope: 'openid offline_access' })
    await decide(browser, another.user_code)
    const { refresh_token: first } = (await poll(app, client, another.device_code)).json()
    const refreshed = run('sh', ['-c', block('refresh')], { ...env, REFRESH_TOKEN: first })
    await refreshed.closed
    t.match(JSON.parse(refreshed.output()), { token_type: 'Bearer', refresh_token: /^lkr_/ })
  }
)

void t.test('what the page names: the grant, the errors, the settings', (t) => {
  t.match(page, DEVICE_GRANT)
  const names = Object.values(SETTINGS).map(({ name }) => name)
  for (const [, name = ''] of page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g))
    t.ok(names.includes(name), name)
  t.end()
})
