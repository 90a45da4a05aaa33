import { createHook } from 'node:async_hooks'
import { generateKeyPairSync, verify } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { createPoolUse } from '../../src/platform/pool-use.ts'
import { signingParameters, SIGNING_ALGORITHMS } from '../../src/signing/algorithm.ts'
import { createSign, signInPool } from '../../src/signing/sign.ts'
import { createSigningThread } from '../../src/signing/signing-thread.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'

const PAIRS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519')
}
const jobOf = (text: string, alg: keyof typeof PAIRS = 'RS256') => ({
  text,
  ...signingParameters(alg, PAIRS[alg].privateKey)
})

function isOf(signature: Buffer | null, text: string, alg: keyof typeof PAIRS = 'RS256'): boolean {
  const { digest, key } = signingParameters(alg, PAIRS[alg].publicKey)
  return signature !== null && verify(digest, Buffer.from(text), key, signature)
}

async function openThread(t: Test) {
  const thread = createSigningThread()
  t.teardown(thread.close)
  await eventually('the thread signs', async () => (await thread.sign(jobOf('first'))) !== null)
  return thread
}

void t.test('no folder for compiled modules, a signature: makes none', async (t) => {
  const { NODE_COMPILE_CACHE: folder } = process.env
  delete process.env['NODE_COMPILE_CACHE']
  t.teardown(() => {
    if (folder !== undefined) process.env['NODE_COMPILE_CACHE'] = folder
  })
  const before = process.cwd()
  process.chdir(await givenFolder(t))
  t.teardown(() => {
    process.chdir(before)
  })
  const thread = await openThread(t)
  await thread.close()
  t.strictSame(await readdir('.'), [])
})

void t.test('the signing thread, asked in every algorithm: signs as the pool does', async (t) => {
  const thread = await openThread(t)
  for (const alg of SIGNING_ALGORITHMS) {
    t.ok(isOf(await thread.sign(jobOf('a token', alg)), 'a token', alg), alg)
  }
})

void t.test(
  'a hundred at once: each has its own signature, or is sent elsewhere at once',
  async (t) => {
    const thread = await openThread(t)
    const texts = Array.from({ length: 100 }, (_, n) => `token ${n}`)
    const signatures = await Promise.all(texts.map((text) => thread.sign(jobOf(text))))
    const signed = texts.filter((_, n) => signatures[n] !== null)
    t.equal(signed.length, 64)
    for (const [n, text] of texts.entries()) {
      const signature = signatures[n] ?? null
      t.ok(signature === null || isOf(signature, text), text)
    }
    t.ok(isOf(await thread.sign(jobOf('later')), 'later'), 'whoever comes later finds room')
  }
)

void t.test(
  'a job that the thread fails at: the pool is asked, and tells what is wrong',
  async (t) => {
    const thread = await openThread(t)
    const wrong = { ...jobOf('a token'), digest: 'no such hash' }
    const [failed, beside] = await Promise.all([thread.sign(wrong), thread.sign(jobOf('beside'))])
    t.equal(failed, null)
    t.equal(beside, null, 'it ended with what it had to do')
    await eventually('another thread signs', async () =>
      isOf(await thread.sign(jobOf('again')), 'again')
    )
    const pool = createPoolUse()
    await pool.whileHashing(async () => {
      await t.rejects(createSign(pool, thread)(wrong))
    })
  }
)

void t.test(
  'a signature while a password is hashed: made by the thread; else in the pool',
  async (t) => {
    const thread = await openThread(t)
    const pool = createPoolUse()
    const asked: string[] = []
    const sign = createSign(pool, {
      ...thread,
      sign: async (job) => {
        asked.push(job.text)
        return thread.sign(job)
      }
    })
    t.ok(isOf(await sign(jobOf('quiet')), 'quiet'))
    await pool.whileHashing(async () => {
      t.ok(isOf(await sign(jobOf('hashing')), 'hashing'))
    })
    t.ok(isOf(await sign(jobOf('quiet again')), 'quiet again'))
    t.strictSame(asked, ['hashing'])
  }
)

void t.test('a thread that was closed: says so, and the pool signs', async (t) => {
  const thread = await openThread(t)
  await thread.close()
  t.equal(await thread.sign(jobOf('a token')), null)
  const pool = createPoolUse()
  const signature = await pool.whileHashing(() => createSign(pool, thread)(jobOf('a token')))
  t.ok(isOf(signature, 'a token'))
  t.ok(isOf(await signInPool(jobOf('a token')), 'a token'))
})

void t.test('logins at once: the server signs beside the hashes that still run', async (t) => {
  const app = await startApp(t)
  const users = await Promise.all(Array.from({ length: 6 }, () => givenUser(app)))
  let threads = 0
  const hook = createHook({
    init: (_id, type) => {
      threads += type === 'WORKER' ? 1 : 0
    }
  }).enable()
  t.teardown(() => hook.disable())
  await Promise.all(users.map((user) => givenSession(app, user)))
  t.equal(threads, 1)
})
