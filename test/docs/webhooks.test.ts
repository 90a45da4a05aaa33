import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { collect, freePort } from '../support/server.ts'
import { givenAdmin } from '../support/webhooks.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8')

/** The block that follows a mark in the page. */
function block(mark: string): string {
  const code = new RegExp(
    `<!-- ${mark}: a test runs it -->\\s+\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``
  ).exec(page)
  if (code?.[1] === undefined) throw new Error(`The page has no block "${mark}".`)
  return code[1]
}

async function shell(command: string, env: Record<string, string>) {
  const { stdout } = await promisify(execFile)('bash', ['-euc', command], {
    env: { PATH: process.env['PATH'] ?? '', ...env }
  })
  return JSON.parse(stdout)
}

/** The page's receiver, as somebody would start it. */
async function startPageReceiver(t: Test, port: number, secret: string): Promise<() => string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-receiver-'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'receiver.mjs'), block('receiver'))
  const child = spawn(process.execPath, ['receiver.mjs'], {
    cwd: folder,
    env: { WEBHOOK_SECRET: secret, PORT: String(port) }
  })
  t.teardown(async () => {
    child.kill()
    await rm(folder, { recursive: true, force: true })
  })
  await eventually('the receiver', async () => fetch(`http://localhost:${port}/`).catch(() => null))
  return collect(child)
}

void t.test('docs/webhooks.md, followed line by line: the receiver is told', async (t) => {
  const port = await freePort()
  const app = await startApp(t, { OUTBOUND_ALLOWED_HOSTS: `localhost:${port}` })
  const admin = await givenAdmin(app)
  await app.app.listen({ host: '127.0.0.1', port: 0 })
  const server = app.app.server.address() as AddressInfo
  const env = { LATCHKEY: `http://127.0.0.1:${server.port}`, TOKEN: admin.accessToken }

  const created = await shell(block('create').replace('localhost:4000', `localhost:${port}`), env)
  const { id } = created.webhook as { id: string }
  const output = await startPageReceiver(t, port, created.secret as string)
  const tested = await shell(block('test'), { ...env, ID: id })
  t.match(tested, { event_id: String })
  const { user } = await givenSession(app)
  await eventually('the lines', async () =>
    Promise.resolve(
      output().includes('webhook.tested null') && output().includes(`login.succeeded ${user.id}`)
    )
  )
  const lines = output().split('\n').length
  const replayed = await shell(block('replay'), { ...env, ID: id })
  t.ok(replayed.events >= 3)
  await eventually('all told', async () => {
    const waiting = `SELECT event_id FROM webhook_delivery WHERE sent_at IS NULL`
    return (await app.sql(waiting)).length === 0
  })
  t.notMatch(output().split('\n').slice(lines).join('\n'), /webhook\.tested/, 'known ids are left')
  const forged = await fetch(`http://localhost:${port}/`, {
    method: 'POST',
    body: '{"type":"account.erased","data":{"id":"1"}}',
    headers: {
      'webhook-id': '1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': 'v1,AAAA'
    }
  })
  t.equal(forged.status, 401)
  t.notMatch(output(), /account\.erased/)
})
