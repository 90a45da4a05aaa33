import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { startNeighbour } from '../support/neighbour.ts'
import {
  basic,
  givenAdmin,
  givenClient,
  givenCode,
  postForm,
  REDIRECT_URI,
  redeem,
  type TestClient
} from '../support/oauth.ts'

const neighbour = await startNeighbour(t)
const app = await startApp(t, neighbour.env)
const replica = await startApp(t, app.env)
const admin = await givenAdmin(app)
const headers = { authorization: `Bearer ${admin}` }

const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) =>
  app.app.inject({ method, url: `/admin/clients${path}`, headers, ...(body && { body }) })

const SERVICE = { grant_types: ['client_credentials' as const], redirect_uris: [], scope: 'a' }

const takeToken = (client: TestClient) =>
  postForm(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(client))

void t.test('a secret, rotated twice: two are valid for a day, a third is dead', async (t) => {
  const first = await givenClient(app, SERVICE)
  const rotate = async (): Promise<TestClient> => {
    const answer = await call('POST', `/${first.id}/rotate-secret`)
    t.match(answer.json(), { previous_valid_seconds: 86_400 })
    return { id: first.id, secret: answer.json().client_secret as string }
  }
  const works = async (client: TestClient) => (await takeToken(client)).statusCode === 200
  const second = await rotate()
  t.same([await works(first), await works(second)], [true, true])
  const third = await rotate()
  t.same([await works(first), await works(second), await works(third)], [false, true, true])
  await app.moveTime(86_401)
  t.same([await works(second), await works(third)], [false, true])
  await app.moveTime(0)
  const dump = JSON.stringify(await app.sql('SELECT * FROM client_secret'))
  t.notOk(dump.includes(third.secret!), 'only hashes are kept')
  const many = await Promise.all(Array.from({ length: 50 }, rotate))
  const alive = await Promise.all(many.map(works))
  t.equal(alive.filter(Boolean).length, 2, 'of fifty at once, the last two')
})

void t.test('a secret that a client has given up: dead for good', async (t) => {
  const client = await givenClient(app)
  const set = (method: string) =>
    call('PUT', `/${client.id}`, { token_endpoint_auth_method: method })
  t.equal((await call('POST', `/${client.id}/rotate-secret`)).statusCode, 200)
  t.equal((await set('none')).statusCode, 200)
  t.equal((await call('POST', `/${client.id}/rotate-secret`)).statusCode, 400)
  t.equal((await set('client_secret_basic')).statusCode, 200)
  const grant = await givenCode(app, client)
  t.equal((await redeem(app, client, grant)).statusCode, 401)
  const { client_secret: secret } = (await call('POST', `/${client.id}/rotate-secret`)).json()
  t.equal((await redeem(app, { id: client.id, secret }, grant)).statusCode, 200)
})

for (const verb of ['disable', 'delete'] as const) {
  void t.test(
    `a client, ${verb}d: its tokens are refused within a second, everywhere`,
    async (t) => {
      const client = await givenClient(app)
      const server = await givenClient(app, { ...SERVICE, resource_server: true })
      const grant = await givenCode(app, client, { scope: 'openid offline_access' })
      const tokens = (await redeem(app, client, grant)).json()
      const token = tokens.access_token as string
      const states = async (at: typeof app) => {
        const seen = await postForm(at, '/oauth/introspect', { token }, basic(server))
        return [
          (await at.get('/verify-token', token)).statusCode,
          (await at.get('/oauth/userinfo', token)).statusCode,
          seen.json().active as boolean
        ]
      }
      t.same(await states(replica), [200, 200, true])
      const done =
        verb === 'disable'
          ? await call('POST', `/${client.id}/disable`)
          : await call('DELETE', `/${client.id}`)
      t.equal(done.statusCode, 200)
      t.same(await states(app), [401, 401, false], 'at once where it was asked for')
      await eventually(
        'refused at the other server',
        async () => JSON.stringify(await states(replica)) === '[401,401,false]',
        1_000
      )
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
      t.equal((await postForm(app, '/oauth/token', form, basic(client))).statusCode, 401)
      if (verb === 'disable') {
        t.equal((await call('GET', `/${client.id}`)).json().client.disabled, true)
        t.equal((await call('POST', `/${client.id}/enable`)).statusCode, 200)
        t.equal((await postForm(app, '/oauth/token', form, basic(client))).statusCode, 200)
      } else {
        t.equal((await call('GET', `/${client.id}`)).statusCode, 404)
        t.equal((await call('DELETE', `/${client.id}`)).statusCode, 404)
        const left = await app.sql(
          'SELECT 1 FROM session WHERE client_id = $1 AND revoked_at IS NULL',
          [client.id]
        )
        t.same(left, [])
      }
    }
  )
}

for (const verb of ['disable', 'delete'] as const) {
  void t.test(
    `a token, signed in the seconds after a ${verb} that its request did not see: refused as well`,
    async (t) => {
      const client = await givenClient(app, SERVICE)
      const server = await givenClient(app, { ...SERVICE, resource_server: true })
      const holds = async (token: string, at: typeof app) => {
        const answer = await postForm(at, '/oauth/introspect', { token }, basic(server))
        return answer.json().active as boolean
      }
      await app.moveTime(3)
      const token = (await takeToken(client)).json().access_token as string
      await app.moveTime(0)
      t.equal(await holds(token, app), true)
      await (verb === 'disable'
        ? call('POST', `/${client.id}/disable`)
        : call('DELETE', `/${client.id}`))
      t.equal(await holds(token, app), false)
      await eventually('refused at the other', async () => !(await holds(token, replica)))
      if (verb === 'delete') return
      await call('POST', `/${client.id}/enable`)
      await app.moveTime(20)
      const next = (await takeToken(client)).json().access_token as string
      t.equal(await holds(next, app), true, 'enabled again, it gets tokens that hold')
      await app.moveTime(0)
    }
  )
}

void t.test('lives of its own: the tokens of a client have them', async (t) => {
  const client = await givenClient(app, {
    access_token_ttl_seconds: 300,
    refresh_idle_seconds: 120,
    refresh_absolute_seconds: 3_600
  })
  const grant = await givenCode(app, client, { scope: 'openid offline_access' })
  const tokens = (await redeem(app, client, grant)).json()
  const claims = claimsOf(tokens.access_token) as { exp: number; iat: number; sid: string }
  t.equal(claims.exp - claims.iat, 300)
  t.equal(tokens.expires_in, 300)
  const [row] = await app.sql(
    `SELECT extract(epoch FROM expires_at - created_at)::int AS absolute,
            extract(epoch FROM idle_expires_at - created_at)::int AS idle
       FROM session WHERE id = $1`,
    [claims.sid]
  )
  t.same(row, { absolute: 3_600, idle: 120 })
})

void t.test('an id that is a person’s, a document’s, or taken: refused', async (t) => {
  const { id: person } = await givenUser(app)
  const { id: taken } = await givenClient(app)
  const ids = [person, taken, 'latchkey', 'https://shop.example/client', 'initial-access-tokens']
  for (const client_id of ids) {
    const body = { client_name: 'X', client_id, redirect_uris: [REDIRECT_URI] }
    const answer = await call('POST', '', body)
    t.equal(answer.statusCode, 409, client_id)
    t.equal(answer.json().code, 'client_id_taken')
  }
})

void t.test(
  'a change that would make a client unsound: refused, and nothing changes',
  async (t) => {
    const { id } = await givenClient(app)
    const before = (await call('GET', `/${id}`)).json()
    for (const changes of [
      { redirect_uris: [] },
      { redirect_uris: ['http://shop.example/cb'] },
      { token_endpoint_auth_method: 'private_key_jwt' },
      { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
      { subject_type: 'pairwise', redirect_uris: [REDIRECT_URI, 'https://other.example/cb'] },
      { sector_identifier_uri: `${neighbour.url}/none` },
      { logo_uri: 'javascript:alert(1)' },
      { client_id: 'another' }
    ]) {
      const answer = await call('PUT', `/${id}`, changes)
      t.equal(answer.statusCode, 422, `${JSON.stringify(changes)} ${answer.body}`)
    }
    t.same((await call('GET', `/${id}`)).json(), before)
  }
)

void t.test('a change: of what is named, and of nothing else', async (t) => {
  neighbour.pages.set('/sector', { body: [REDIRECT_URI, 'https://other.example/cb'] })
  const sector_identifier_uri = `${neighbour.url}/sector`
  const { id } = await givenClient(app, {
    subject_type: 'pairwise',
    redirect_uris: [REDIRECT_URI, 'https://other.example/cb'],
    sector_identifier_uri,
    contacts: ['ops@shop.example']
  })
  const before = (await call('GET', `/${id}`)).json().client
  const after = (await call('PUT', `/${id}`, { client_name: 'Other' })).json().client
  t.same(after, { ...before, client_name: 'Other' })
  t.match(after, { sector_identifier_uri, contacts: ['ops@shop.example'] })
  t.equal(neighbour.asked('/sector'), 1, 'the sector is asked for once')
  const gone = await call('PUT', `/${id}`, { contacts: null })
  t.equal(gone.json().client.contacts, null)
  const [event] = await app.sql<{ actor: string | null }>(
    "SELECT actor_id AS actor FROM audit_event WHERE type = 'client.changed' AND client_id = $1",
    [id]
  )
  t.type(event!.actor, 'string')
})

void t.test('the clients, listed: each once, by page', async (t) => {
  const ids: string[] = []
  let cursor = ''
  do {
    const page = (await call('GET', `?limit=3${cursor}`)).json()
    ids.push(...page.clients.map((client: { client_id: string }) => client.client_id))
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor as string}`
  } while (cursor !== '')
  const rows = await app.sql<{ id: string }>('SELECT id FROM client ORDER BY id')
  t.same(
    ids,
    rows.map(({ id }) => id)
  )
})
