import t, { type Test } from 'tap'
import { eventually } from '../support/eventually.ts'
import { basic, givenAdmin, givenClient, postForm, type TestClient } from '../support/oauth.ts'
import { exchange, listen } from '../support/raw-http.ts'
import { REFUSED_WITHIN_MS, givenReplicas } from '../support/replicas.ts'

const { redis, here, there } = await givenReplicas(t)
const port = await listen(there)
const admin = { authorization: `Bearer ${await givenAdmin(here)}` }
const service = async () => givenClient(here, { grant_types: ['client_credentials'], scope: 'a:b' })
const FORMS = { '/oauth/token': 'grant_type=client_credentials', '/oauth/introspect': 'token=' }
type Path = keyof typeof FORMS

/** Over a connection, in one piece: what is remembered is enough. */
async function ask(client: TestClient, path: Path, form = FORMS[path]): Promise<number> {
  const type = 'content-type: application/x-www-form-urlencoded'
  const own = `authorization: ${basic(client)['authorization']!}\r\ncontent-length: ${form.length}`
  const head = `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${type}\r\n${own}`
  return (await exchange(port, `${head}\r\n\r\n${form}`)).statusCode
}

/** Keeps a client remembered until it is changed and refused; then it stays refused. */
async function refused(client: TestClient, path: Path, form: string, change: () => Promise<void>) {
  for (let n = 0; n < 5; n += 1) await ask(client, path, form)
  let isChanged = false
  let changedAtMs = 0
  const changing = change().then(() => {
    isChanged = true
    changedAtMs = performance.now()
  })
  const seen = { before: new Set<number>(), after: new Set<number>() }
  await eventually('refusal', async () => {
    const status = await ask(client, path, form)
    if (!isChanged) seen.before.add(status)
    return isChanged && status === 401
  })
  const tookMs = Math.round(performance.now() - changedAtMs)
  await changing
  for (let n = 0; n < 10; n += 1) seen.after.add(await ask(client, path, form))
  return { tookMs, ...seen }
}

async function tokenOf(client: TestClient): Promise<string> {
  const answer = await postForm(
    there,
    '/oauth/token',
    { grant_type: 'client_credentials' },
    basic(client)
  )
  return answer.json().access_token
}

async function holds(t: Test): Promise<void> {
  for (const path of ['/oauth/token', '/oauth/introspect'] as const) {
    const client = await service()
    const form = path === '/oauth/token' ? FORMS[path] : `token=${await tokenOf(client)}`
    const { tookMs, after } = await refused(client, path, form, async () => {
      await here.post(`/admin/clients/${client.id}/disable`, undefined, admin)
    })
    t.comment(`${path}: refused after ${tookMs} ms`)
    t.ok(tookMs < REFUSED_WITHIN_MS, `refused after ${tookMs} ms`)
    t.strictSame(after, new Set([401]), 'and never let in again')
  }
}

void t.test('a client disabled at one server: refused by the other within a second', holds)

void t.test('the same with Redis frozen', async (t) => {
  redis.freeze()
  await holds(t)
  redis.thaw()
})

void t.test('the same with Redis killed', async (t) => {
  await redis.kill()
  await holds(t)
  await redis.restart()
})

void t.test('a client just let in: let in from memory, for a moment and no longer', async () => {
  const client = await service()
  const disable = (at: 'now()' | 'NULL') =>
    there.sql(`UPDATE client SET disabled_at = ${at} WHERE id = $1`, [client.id])
  await eventually('an answer from memory', async () => {
    await disable('NULL')
    await ask(client, '/oauth/token')
    await disable('now()')
    return (await ask(client, '/oauth/token')) === 200
  })
  await eventually('refusal', async () => (await ask(client, '/oauth/token')) === 401)
})

void t.test('a client found disabled: its memory is gone too', async (t) => {
  const client = await service()
  for (let n = 0; n < 5; n += 1) {
    await there.sql('UPDATE client SET disabled_at = NULL WHERE id = $1', [client.id])
    t.equal(await ask(client, '/oauth/token'), 200)
    await there.sql('UPDATE client SET disabled_at = now() WHERE id = $1', [client.id])
    await tokenOf(client)
    t.equal(await ask(client, '/oauth/token'), 401)
  }
})

void t.test('a server that changes a client itself: true there at once', async (t) => {
  const client = await service()
  const own = async (act: string) => {
    const answer = await there.post(`/admin/clients/${client.id}/${act}`, undefined, admin)
    t.equal(answer.statusCode, 200, act)
    return answer.json()
  }
  for (let n = 0; n < 5; n += 1) {
    t.equal(await ask(client, '/oauth/token'), 200)
    await own('disable')
    t.equal(await ask(client, '/oauth/token'), 401)
    await own('enable')
  }
  const { client_secret: second } = await own('rotate-secret')
  t.equal(await ask({ ...client, secret: second }, '/oauth/token'), 200, 'the new secret')
  t.equal(await ask(client, '/oauth/token'), 200, 'and the old one, for a day')
  await own('rotate-secret')
  t.equal(await ask(client, '/oauth/token'), 401, 'the oldest is over')
  t.equal(await ask({ ...client, secret: second }, '/oauth/token'), 200)
  t.equal(await ask(client, '/oauth/token'), 401, 'and stays over')
})
