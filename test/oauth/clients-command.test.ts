import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenCode, postForm, basic, redeem } from '../support/oauth.ts'
import { eventually } from '../support/eventually.ts'
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t, { DYNAMIC_REGISTRATION: 'token' })

const run = scriptBeside(app, 'clients')

async function clients(...args: string[]) {
  const { status, stdout, stderr } = await run(args)
  return { status, output: stdout + stderr }
}

const shown = (output: string, name: string) =>
  new RegExp(`^  ${name} +(\\S+)$`, 'm').exec(output)?.[1] ?? ''

void t.test('a web application, made, looked at, ended: works, and then does not', async (t) => {
  const uri = 'https://shop.example/callback'
  const { status, output } = await clients('create', 'Shop', '--redirect-uri', uri)
  t.equal(status, 0, output)
  const client = { id: shown(output, 'client_id'), secret: shown(output, 'client_secret') }
  const grant = await givenCode(app, client)
  const { access_token: token } = (await redeem(app, client, grant)).json()
  const [list, show, rotated] = await Promise.all([
    clients('list'),
    clients('show', client.id),
    clients('rotate-secret', client.id)
  ])
  t.match(shown(rotated.output, 'client_secret'), /^lks_/)
  t.match(
    list.output,
    `${client.id}  Shop  (client_secret_basic; authorization_code, refresh_token)`
  )
  t.match(JSON.parse(show.output), { client_id: client.id, redirect_uris: [uri], disabled: false })
  t.notOk(
    /hash|secret_/i.test(show.output.replace('client_secret_basic', '')),
    'no secret, no hash'
  )
  t.match((await clients('disable', client.id)).output, 'refused within a second')
  await eventually(
    'the token is refused',
    async () => (await app.get('/oauth/userinfo', token)).statusCode === 401,
    1_000
  )
  t.match((await clients('delete', client.id)).output, 'Deleted')
  t.same(await app.sql('SELECT 1 FROM client WHERE id = $1', [client.id]), [])
})

void t.test('the other kinds: each as the usage says', async (t) => {
  const [device, service] = await Promise.all([
    clients('create', 'Television', '--device'),
    clients('create', 'Orders', '--service', '--scope', 'orders:read', '--audience', 'urn:orders')
  ])
  t.notMatch(device.output, 'client_secret')
  const id = shown(device.output, 'client_id')
  const [row] = await app.sql('SELECT auth_method, grant_types, scopes FROM client WHERE id = $1', [
    id
  ])
  t.same(row, {
    auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    scopes: ['openid', 'profile', 'email', 'offline_access']
  })
  const client = {
    id: shown(service.output, 'client_id'),
    secret: shown(service.output, 'client_secret')
  }
  const form = { grant_type: 'client_credentials' }
  const answer = await postForm(app, '/oauth/token', form, basic(client))
  t.match(answer.json(), { scope: 'orders:read' })
})

void t.test('an initial access token: made, used, listed, revoked', async (t) => {
  const made = await clients(
    ...['initial-token', 'create', 'Partner', '--no-pkce', '--scope', 'openid email'],
    ...['--grants', 'authorization_code device_code', '--expires-days', '30']
  )
  t.equal(made.status, 0, made.output)
  const token = shown(made.output, 'token')
  const register = () =>
    app.post(
      '/oauth/register',
      { redirect_uris: ['https://shop.example/cb'] },
      { authorization: `Bearer ${token}` }
    )
  t.match((await register()).json(), { scope: 'openid email', require_pkce: false })
  const id = shown(made.output, 'id')
  const [listed, revoked] = await Promise.all([
    clients('initial-token', 'list'),
    clients('initial-token', 'revoke', id)
  ])
  t.match(listed.output, new RegExp(`^${id}  Partner  \\(openid email, until \\d{4}-\\d\\d-\\d\\d`))
  t.equal(revoked.status, 0)
  t.equal((await register()).statusCode, 401)
})

void t.test('mistakes at the command line: a sentence and 1, never a stack', async (t) => {
  const mistakes: [RegExp, ...string[]][] = [
    [/needs redirect_uris/, 'create', 'Shop'],
    [/Unknown option '--colour'/, 'create', 'Shop', '--colour', 'red'],
    [/There is no grant "implicit"/, 'initial-token', 'create', 'X', '--grants', 'implicit'],
    [/This client_id is reserved/, 'create', 'X', '--service', '--id', 'latchkey']
  ]
  await Promise.all(
    mistakes.map(async ([sentence, ...args]) => {
      const { status, output } = await clients(...args)
      t.equal(status, 1, args.join(' '))
      t.match(output, sentence)
      t.notMatch(output, /^ +at /m)
    })
  )
})
