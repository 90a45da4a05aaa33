import cluster from 'node:cluster'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { superviseWorkers } from '../../src/supervise.ts'
import { eventually } from '../support/eventually.ts'

/** Listens at once, the later ones not before there is the file `go`. */
const WORKER = `
  const { existsSync } = require('node:fs')
  const cluster = require('node:cluster')
  const listen = () => require('node:http').createServer().listen(0, '127.0.0.1')
  const wait = () => (existsSync(__dirname + '/go') ? listen() : setTimeout(wait, 20))
  if (cluster.worker.id === Number(process.env.FIRST)) listen()
  else wait()
  process.on('SIGTERM', () => process.exit(0))
`
const RESTART_WITHIN_MS = 15_000

const pids = () =>
  Object.values(cluster.workers ?? {}).flatMap((worker) =>
    worker?.process.pid !== undefined && !worker.isDead() ? [worker.process.pid] : []
  )
let forked = 0
cluster.on('fork', () => (forked += 1))

function supervise(t: Test) {
  const folder = t.testdir({ 'worker.cjs': WORKER })
  cluster.setupPrimary({ exec: join(folder, 'worker.cjs'), args: [], cwd: folder })
  const said: string[] = []
  const state = { isReady: false }
  let stop = () => {}
  const asked = new Promise<void>((resolve) => (stop = resolve))
  const ended = superviseWorkers({
    workers: 2,
    env: { FIRST: String(forked + 1) },
    asked,
    onReady: () => (state.isReady = true),
    onDeath: (sentence) => said.push(sentence)
  })
  const release = () => {
    writeFileSync(join(folder, 'go'), '')
  }
  const until = (what: string, is: () => boolean) =>
    eventually(what, () => Promise.resolve(is()), RESTART_WITHIN_MS)
  async function end(): Promise<void> {
    stop()
    await ended
    t.strictSame(pids(), [], 'nobody is left')
  }
  return { folder, said, state, release, until, end }
}

void t.test('a worker that dies while another one starts: is replaced', async (t) => {
  const { said, state, release, until, end } = supervise(t)
  await until('the second, on its way', () => pids().length === 2)
  const [first = 0] = pids()
  process.kill(first, 'SIGKILL')
  await until('its death', () => said.length > 0)
  t.match(said, [`Worker ${first} has ended (SIGKILL). Another one takes its place.`])
  release()
  await until('both', () => state.isReady && pids().length === 2)
  await end()
})

void t.test('no worker can be started for a while: said, and tried again', async (t) => {
  const { folder, said, state, release, until, end } = supervise(t)
  release()
  await until('both', () => state.isReady)
  cluster.setupPrimary({ cwd: join(folder, 'nowhere') }) // spawn says ENOENT, as it says EAGAIN when there are too many
  process.kill(pids()[0]!, 'SIGKILL')
  await until('a sentence', () => said.length > 1)
  t.match(said[1], /^A worker could not be started \(spawn .*ENOENT\)\. Another attempt follows\.$/)
  t.equal(pids().length, 1, 'the other goes on')
  cluster.setupPrimary({ cwd: folder })
  await until('both again', () => pids().length === 2)
  await end()
})

void t.test('a message to a worker that has just died: nobody falls with it', async (t) => {
  const { said, state, release, until, end } = supervise(t)
  release()
  await until('both', () => state.isReady)
  const [worker] = Object.values(cluster.workers ?? {})
  const fault = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
  worker?.process.emit('error', fault)
  t.strictSame(said, [], 'it still runs')
  await end()
})
