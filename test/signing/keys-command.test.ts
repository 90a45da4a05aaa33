import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { headerOf } from '../support/jws.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t)
const { platform, store, ring } = await openKeyRoom(t, app)
const KID = /[\w-]{43}/

const run = scriptBeside(app, 'keys')
const keys = (...args: string[]) => run(args)

async function events(type: string) {
  return app.sql('SELECT details FROM audit_event WHERE type = $1', [type])
}

void t.test('list and export: the timeline for people and programs, the public keys', async (t) => {
  const [list, json, exported] = await Promise.all([
    keys('list'),
    keys('list', '--json'),
    keys('export')
  ])
  t.equal(list.status, 0, list.stderr)
  const [head = '', active = '', reserve = '', , next = ''] = list.stdout.split('\n')
  t.match(head, /^kid +alg +is +announced +signs from +signs until +published until$/)
  t.match(active, /RS256 +active +\d{4}-\d\d-\d\d \d\d:\d\d +\d{4}-\d\d-\d\d \d\d:\d\d +–/)
  t.match(reserve, /RS256 +reserve +\d{4}-\d\d-\d\d \d\d:\d\d +–/)
  t.equal(active.indexOf('RS256'), head.indexOf('alg'), 'the columns stand under each other')
  t.match(next, /^RS256 +the next rotation comes \d{4}-\d\d-\d\d \d\d:\d\d, in 90 days; to /)
  const { rings, keys: rows } = JSON.parse(json.stdout)
  t.match(rows, [
    { alg: 'RS256', is: 'active', goneAt: null },
    { alg: 'RS256', is: 'reserve', activeAt: null }
  ])
  t.match(rings, [{ alg: 'RS256', rotatesAt: /^\d{4}-/, next: { kid: rows[1].kid } }])
  t.same(JSON.parse(exported.stdout), (await app.get('/.well-known/jwks.json')).json())
})

void t.test('rotate: says when, and a second time that it is under way', async (t) => {
  const first = await keys('rotate')
  t.match(
    first.stdout,
    /^RS256: [\w-]{43} signs from \d{4}-.*, in 1[56] min\. Until then verifiers/
  )
  t.match(first.stdout, /\n {2}[\w-]{43} signs until then, and is published until /)
  const [again, other] = await Promise.all([
    keys('rotate', '--json', '--algorithm', 'RS256'),
    keys('rotate', '--algorithm', 'ES256')
  ])
  t.match(JSON.parse(again.stdout), [{ kind: 'under_way', alg: 'RS256', kid: KID }])
  t.match(await events('signing_key.rotated'), [{ details: { reason: 'asked' } }])
  t.match(other, {
    status: 1,
    stderr: /^--algorithm takes one of SIGNING_ALGORITHMS: RS256\./
  })
})

void t.test('rotate --emergency: what stops working, and until when', async (t) => {
  const { accessToken } = await givenSession(app)
  const before = (await store.findAll()).map(({ kid }) => kid)
  const { status, stdout } = await keys('rotate', '--emergency')
  t.equal(status, 0)
  for (const kid of before) t.match(stdout, kid)
  t.match(stdout, /signs, [\w-]{43} stands in reserve\./)
  t.match(stdout, /access tokens from before are refused/)
  t.match(stdout, /Refresh tokens and sessions stay/)
  t.match(stdout, /refuse new tokens until they have fetched the new keys/)
  const moments = [...stdout.matchAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g)].map(([text]) =>
    Date.parse(`${text}Z`)
  )
  const [from = 0, ...until] = moments
  t.equal(until.length, 3)
  t.strictSame(new Set(until.map((at) => (at - from) / 60_000)), new Set([15]), 'as the text says')
  t.equal(stdout.match(/15 minutes/g)?.length, 3)
  const listed = (await keys('list')).stdout.split('\n').slice(1)
  t.match(listed[0], / active /, 'what is gone comes last')
  t.notMatch(listed.join('\n'), '9999', 'and a reserve that is gone has no date')
  await eventually(
    'refusal',
    async () => (await app.get('/verify-token', accessToken)).statusCode === 401
  )
  await platform.clock.sync()
  await ring.reload()
  const { accessToken: next } = await givenSession(app)
  t.equal(headerOf(next)['kid'], ring.signingKey().kid)
  t.notOk(before.includes(ring.signingKey().kid))
  t.match(await events('signing_key.dropped'), [
    { details: { reason: 'emergency', dropped: before.join(' ') } }
  ])
})

void t.test('import: a key of a ring that there is; the reserve stays', async (t) => {
  const pem = (pair: { privateKey: KeyObject }) =>
    pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const folder = t.testdir({
    'rsa.pem': pem(generateKeyPairSync('rsa', { modulusLength: 2_048 })),
    'ed.pem': pem(generateKeyPairSync('ed25519'))
  })
  const [imported, other] = await Promise.all([
    keys('import', `${folder}/rsa.pem`),
    keys('import', `${folder}/ed.pem`)
  ])
  t.match(imported.stdout, /^Imported [\w-]{43}\.\n\nkid/)
  t.match(imported.stdout, / announced .* reserve /s)
  t.match(other, { status: 1, stderr: /^This key is for EdDSA, which SIGNING_ALGORITHMS does not/ })
  t.match(await events('signing_key.imported'), [{ details: { alg: 'RS256', kid: KID } }])
})
