import cluster, { type Worker } from 'node:cluster'
import { randomUUID } from 'node:crypto'

/** How long a worker may take to tell its part; one that hangs is left out. */
const PATIENCE_MS = 800

/** What the workers of one server and their primary say to each other. */
type Message =
  | { latchkey: 'gather'; id: string }
  | { latchkey: 'tell'; id: string }
  | { latchkey: 'part'; id: string; part: unknown }
  | { latchkey: 'gathered'; id: string; parts: unknown[] }

const isOurs = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && 'latchkey' in message

/** Whoever has just died hears nothing. Without the callback that would be an error that ends the one who speaks. */
function say(to: Worker | NodeJS.Process, message: Message): void {
  to.send?.(message, undefined, undefined, () => undefined)
}

/** In a worker: answers whenever another one gathers. */
export function answerForWorkers(tell: () => Promise<unknown>): void {
  if (!cluster.isWorker) return
  process.on('message', (message) => {
    if (!isOurs(message) || message.latchkey !== 'tell') return
    const { id } = message
    tell().then(
      (part) => {
        say(process, { latchkey: 'part', id, part })
      },
      () => undefined // left out
    )
  })
}

/** @returns what all workers tell, this one included; null where there is one process only, or the primary is silent */
export async function gatherFromWorkers(): Promise<unknown[] | null> {
  if (!cluster.isWorker) return null
  const id = randomUUID()
  return new Promise((resolve) => {
    const end = (parts: unknown[] | null) => {
      process.off('message', listen)
      clearTimeout(timer)
      resolve(parts)
    }
    const listen = (message: unknown) => {
      if (isOurs(message) && message.latchkey === 'gathered' && message.id === id) {
        end(message.parts)
      }
    }
    const timer = setTimeout(end, 2 * PATIENCE_MS, null)
    process.on('message', listen)
    say(process, { latchkey: 'gather', id })
  })
}

/** In the primary: asks every worker for whoever gathers. */
export function relayBetweenWorkers(): void {
  const rounds = new Map<string, { parts: unknown[]; due: number; end: () => void }>()

  function gather(asker: Worker, id: string): void {
    const workers = Object.values(cluster.workers ?? {}).filter(
      (worker): worker is Worker => worker?.isConnected() === true
    )
    const parts: unknown[] = []
    const end = () => {
      clearTimeout(timer)
      rounds.delete(id)
      say(asker, { latchkey: 'gathered', id, parts })
    }
    const timer = setTimeout(end, PATIENCE_MS)
    rounds.set(id, { parts, due: workers.length, end })
    for (const worker of workers) say(worker, { latchkey: 'tell', id })
  }

  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message)) return
    if (message.latchkey === 'gather') gather(worker, message.id)
    if (message.latchkey !== 'part') return
    const round = rounds.get(message.id)
    if (round === undefined) return
    round.parts.push(message.part)
    if (round.parts.length === round.due) round.end()
  })
}
