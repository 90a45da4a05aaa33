import type { GuessSubject } from '../abuse/guess-lanes.ts'
import type { Postgres } from '../platform/postgres.ts'

export type FindOwnLanes = ReturnType<typeof createOwnLanes>

/** Where guesses are counted at somebody's account. */
export function createOwnLanes(postgres: Postgres) {
  /** By anybody, from within each of their sessions, and from each browser that has logged in before. */
  return async function findOwnLanes(userId: string): Promise<GuessSubject[]> {
    const [sessions, devices] = await Promise.all([
      postgres.read((db) =>
        db.session.findMany({ where: { userId, revokedAt: null }, select: { id: true } })
      ),
      postgres.read((db) =>
        db.knownDevice.findMany({ where: { userId }, select: { nonceHash: true } })
      )
    ])
    return [
      { account: userId },
      ...sessions.map(({ id }) => ({ session: id })),
      ...devices.map(({ nonceHash }) => ({ device: Buffer.from(nonceHash).toString('hex') }))
    ]
  }
}
