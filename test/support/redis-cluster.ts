import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { givenFolder } from './folder.ts'
import { freePorts } from './free-ports.ts'
import { createNode, send, start, type RedisNode } from './redis-node.ts'

const run = promisify(execFile)
const PATIENCE_MS = 30_000
/** After so long without an answer the others give a master up. */
const NODE_TIMEOUT_MS = 1_000

/** A real cluster of six: three masters with a replica each, whole and in step. */
export async function startRedisCluster(t: Teardown) {
  const folder = await givenFolder(t)
  const ports = await freePorts(6)
  const nodes = ports.map((port) => createNode(t, port, () => launch(folder, port)))
  await Promise.all(nodes.map((node) => node.start()))
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  const shape = ['--cluster-replicas', '1', '--cluster-yes']
  await run('redis-cli', ['--cluster', 'create', ...addresses, ...shape], { timeout: PATIENCE_MS })
  await untilWhole(nodes)

  /** Who serves a key right now, as the others see it. */
  async function masterOf(key: string): Promise<RedisNode> {
    return eventually(`the master of ${key}`, async () => {
      for (const node of nodes) {
        const answer = await send(node.port, `GET ${key}`).catch(() => null)
        const port = Number(/^-MOVED \d+ \S+?:(\d+)/.exec(answer ?? '')?.[1] ?? node.port)
        if (answer !== null) return nodes.find((other) => other.port === port)
      }
    })
  }

  return {
    /** Three of its nodes: the rest is found by asking. */
    url: `redis-cluster://${addresses.slice(0, 3).join(',')}`,
    nodes,
    masterOf,
    /** Every slot is served, every master has a replica in step, and each node says so. */
    untilWhole: () => untilWhole(nodes)
  }
}

async function launch(folder: string, port: number) {
  const dir = join(folder, String(port))
  await mkdir(dir, { recursive: true })
  const options = {
    dir,
    'cluster-enabled': 'yes',
    'cluster-config-file': 'nodes.conf',
    'cluster-node-timeout': String(NODE_TIMEOUT_MS),
    // A master that is killed at once was never synced with the replica that should follow it.
    'repl-diskless-sync-delay': '0',
    'cluster-replica-validity-factor': '0'
  }
  return start(port, options)
}

async function untilWhole(nodes: RedisNode[]): Promise<void> {
  await eventually(
    'a whole cluster',
    async () => {
      const states = await Promise.all(nodes.map(stateOf))
      const isSo = (state: string) => states.filter((other) => other === state).length === 3
      return isSo('master') && isSo('replica')
    },
    PATIENCE_MS
  )
}

async function stateOf({ port, info }: RedisNode): Promise<string> {
  const cluster = await send(port, 'CLUSTER INFO').catch(() => '')
  if (!/^cluster_state:ok\r?$/m.test(cluster) || !/^cluster_known_nodes:6\r?$/m.test(cluster))
    return 'alone'
  if ((await info('replication', 'role')) === 'master') {
    return (await info('replication', 'connected_slaves')) === '1' ? 'master' : 'alone'
  }
  return (await info('replication', 'master_link_status')) === 'up' ? 'replica' : 'alone'
}
