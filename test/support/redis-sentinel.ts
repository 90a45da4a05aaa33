import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { givenFolder } from './folder.ts'
import { freePorts } from './free-ports.ts'
import { answering, createNode, send, start, type RedisNode } from './redis-node.ts'

const NAME = 'latchkey'
const PATIENCE_MS = 30_000
/** After so long without an answer the Sentinels give a master up. */
const DOWN_AFTER_MS = 1_000

/** A real master with a replica, and three Sentinels that have found it and each other. */
export async function startRedisSentinel(t: Teardown) {
  const folder = await givenFolder(t)
  const [first = 0, second = 0, ...doors] = await freePorts(5)
  // In files of their own, for the Sentinels write there whose replica each is.
  const redis = (port: number, config: string) =>
    createNode(t, port, async () => {
      const file = join(folder, `redis-${port}.conf`)
      await writeOnce(
        file,
        `dir ${folder}\ndbfilename ${port}.rdb\nrepl-diskless-sync-delay 0\n${config}`
      )
      return start(port, {}, file)
    })
  const master = redis(first, '')
  const replica = redis(second, `replicaof 127.0.0.1 ${first}`)
  const redises = [master, replica]
  for (const node of redises) await node.start()
  await eventually('a replica in step', async () => {
    return (await replica.info('replication', 'master_link_status')) === 'up'
  })
  const sentinels = doors.map((port) =>
    createNode(t, port, async () => {
      const file = join(folder, `sentinel-${port}.conf`)
      await writeOnce(file, sentinelConfig(folder, port, first))
      const server = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
      await answering(server, port)
      return server
    })
  )
  await Promise.all(sentinels.map((sentinel) => sentinel.start()))

  /** The Sentinels agree on one master, have found its replica and each other. */
  async function untilWhole(): Promise<void> {
    await eventually(
      'whole Sentinels',
      async () => (await Promise.all(sentinels.map(isWhole))).every(Boolean),
      PATIENCE_MS
    )
  }
  await untilWhole()

  return {
    url: `redis-sentinel://${doors.map((port) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    redises,
    sentinels,
    /** Which of the two they send everybody to. */
    master: async (): Promise<RedisNode> => {
      return eventually('a master', async () => {
        const answer = await send(doors[0]!, `SENTINEL GET-MASTER-ADDR-BY-NAME ${NAME}`)
        return redises.find(({ port }) => answer.includes(`\r\n${port}`))
      })
    },
    untilWhole
  }
}

/** What a process wrote there later stays. */
async function writeOnce(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch(() => {})
}

async function isWhole(sentinel: RedisNode): Promise<boolean> {
  const line = (await sentinel.info('sentinel', 'master0')) ?? ''
  return /status=ok,.*slaves=1,sentinels=3/.test(line)
}

function sentinelConfig(folder: string, port: number, master: number): string {
  return `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${NAME} 127.0.0.1 ${master} 2
sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}
sentinel failover-timeout ${NAME} 5000
`
}
