import t from 'tap'
import { sha256 } from '../../src/lib/secrets.ts'
import { createCallerMemory } from '../../src/oauth/caller-memory.ts'
import { createProofReader, type ClientParameters } from '../../src/oauth/client-authentication.ts'
import type { Client } from '../../src/oauth/client.ts'
import type { KnownClient } from '../../src/oauth/client-memory.ts'
import { basic } from '../support/oauth.ts'

const header = basic({ id: 'orders', secret: 'lks_right' })['authorization']!

/** What was read of a client. */
function reading(): KnownClient {
  const secretHashes = [sha256('lks_right')]
  const client: Partial<Client> = { id: 'orders', authMethod: 'client_secret_basic', secretHashes }
  return { client: client as Client, version: '1' }
}

/** A memory of callers, and how often it has looked at a secret. */
function givenMemory() {
  const now = { known: reading() as KnownClient | null, looks: 0 }
  const recallFresh = () => now.known
  const recallProven = createProofReader(recallFresh)
  const recallCaller = createCallerMemory(recallFresh, (...shown) => {
    now.looks += 1
    return recallProven(...shown)
  })
  const isCaller = (shown = header, form: ClientParameters = {}) =>
    recallCaller(shown, form) !== null
  return { now, isCaller }
}

void t.test('a header that was right, shown again: known without another look', (t) => {
  const { now, isCaller } = givenMemory()
  t.strictSame([isCaller(), isCaller(), isCaller()], [true, true, true])
  t.equal(now.looks, 1)
  t.end()
})

void t.test('a client that is read anew, or forgotten: its secret is looked at again', (t) => {
  const { now, isCaller } = givenMemory()
  t.ok(isCaller())
  now.known = reading()
  t.ok(isCaller())
  t.equal(now.looks, 2)
  now.known.client.secretHashes = [sha256('lks_other')]
  now.known = { ...now.known }
  t.notOk(isCaller(), 'its secret is another')
  now.known = null
  t.notOk(isCaller(), 'it is not remembered')
  t.end()
})

void t.test('a wrong header, or a form that names a client too: looked at each time', (t) => {
  const { now, isCaller } = givenMemory()
  t.ok(isCaller())
  const wrong = basic({ id: 'orders', secret: 'lks_wrong' })['authorization']!
  t.strictSame([isCaller(wrong), isCaller(wrong)], [false, false])
  t.notOk(isCaller(header, { client_id: 'other' }))
  t.notOk(isCaller(header, { client_secret: 'lks_right' }))
  t.notOk(isCaller(header, { client_assertion: 'x' }))
  t.ok(isCaller(header, { client_id: 'orders' }))
  t.equal(now.looks, 7)
  t.end()
})

void t.test('more headers than are remembered: the oldest make room', (t) => {
  const { now, isCaller } = givenMemory()
  const spelt = (n: number) => header.replace(' ', ' '.repeat(n))
  for (let n = 1; n <= 1_001; n += 1) isCaller(spelt(n))
  t.equal(now.looks, 1_001)
  t.ok(isCaller(spelt(2)) && isCaller(spelt(1_001)))
  t.equal(now.looks, 1_001)
  t.ok(isCaller(spelt(1)))
  t.equal(now.looks, 1_002)
  t.end()
})
