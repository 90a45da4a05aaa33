import { createConnection, open, shut } from './redis-connection.ts'

/** What a Redis says of itself. */
export type RedisState =
  | { isUp: true; evictionPolicy: string; maxMemoryBytes: number }
  /** `code` is the system's or the first word of Redis' own refusal. */
  | { isUp: false; code: string }

/** Asks a Redis once. Never throws. */
export async function probeRedis(url: string): Promise<RedisState> {
  const connection = createConnection(url)
  let fault: unknown
  connection.on('error', (error) => {
    fault ??= error
  })
  try {
    await open([connection])
    const text = await connection.info('memory')
    const value = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? ''
    return {
      isUp: true,
      evictionPolicy: value('maxmemory_policy'),
      maxMemoryBytes: Number(value('maxmemory'))
    }
  } catch (error) {
    return { isUp: false, code: codeOf(fault ?? error) }
  } finally {
    await shut(connection)
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'string') return code
  return /^[A-Z]{4,}/.exec(String(message))?.[0] ?? 'no answer'
}
