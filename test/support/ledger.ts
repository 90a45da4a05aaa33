import { PASSWORD, secretsOf } from './builders.ts'
import { mailsTo } from './registrations.ts'
import type { TestServer } from './server.ts'

/** What a client knows: an answer it got, or that none came. */
export type Answer = { status: number; body: Record<string, never> } | null

/** One request to a server that may die under it. */
export async function ask(server: TestServer, path: string, body: object): Promise<Answer> {
  try {
    const answer = await server.post(path, body)
    return { status: answer.status, body: (await answer.json()) as Record<string, never> }
  } catch {
    return null
  }
}

/** Counts what was asked and what was answered with success. */
export function createLedger() {
  const counts = { requests: 0, acknowledged: 0, unanswered: 0, unexpected: 0 }
  const answeredOf = new Map<string, number>()
  const waiting: { path: string; count: number; resolve: () => void }[] = []

  return {
    counts,
    /** Asks, and writes down how it went. */
    async ask(server: TestServer, path: string, body: object): Promise<Answer> {
      counts.requests += 1
      const answer = await ask(server, path, body)
      if (answer === null) counts.unanswered += 1
      else if (answer.status >= 200 && answer.status < 300) counts.acknowledged += 1
      else counts.unexpected += 1
      if (answer !== null) answeredOf.set(path, (answeredOf.get(path) ?? 0) + 1)
      for (const { path: awaited, count, resolve } of waiting) {
        if ((answeredOf.get(awaited) ?? 0) >= count) resolve()
      }
      return answer
    },
    /** Once so many requests for `path` were answered. */
    answered: (path: string, count: number) =>
      new Promise<void>((resolve) => waiting.push({ path, count, resolve }))
  }
}

export type Ledger = ReturnType<typeof createLedger>

/** Registers and gives the link of the mail. */
export async function registered(server: TestServer, dataDir: string, email: string) {
  const answer = await ask(server, '/auth/register', { email, password: PASSWORD })
  if (answer?.status !== 201) throw new Error(`register: ${JSON.stringify(answer)}`)
  const [mail] = await mailsTo({ dataDir }, email, 1)
  return { email, ...secretsOf(mail!) }
}
