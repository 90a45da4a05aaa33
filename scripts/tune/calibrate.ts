/** What one password hash costs. */
export type Cost = { memoryKib: number; passes: number }

/** OWASP's least for argon2id, and ours (SECURITY P2). */
export const FLOOR: Cost = { memoryKib: 19_456, passes: 2 }
/** More memory than this is kept from other requests while a few people log in at once; then passes grow. */
const MOST_MEMORY_KIB = 65_536
const MOST_PASSES = 20

/**
 * The cost at which one hash takes about `targetMs`. Memory first: it is what an attacker's machine lacks.
 * @param hashMs measures one
 */
export async function calibrate(
  targetMs: number,
  hashMs: (cost: Cost) => Promise<number>
): Promise<Cost & { ms: number }> {
  const atFloor = await hashMs(FLOOR)
  const factor = targetMs / atFloor
  if (factor <= 1) return { ...FLOOR, ms: atFloor }
  const wanted = Math.floor((FLOOR.memoryKib * factor) / 1_024) * 1_024
  const memoryKib = Math.min(MOST_MEMORY_KIB, Math.max(FLOOR.memoryKib, wanted))
  const withMemory = { memoryKib, passes: FLOOR.passes }
  const ms = await hashMs(withMemory)
  const passes = Math.min(
    MOST_PASSES,
    Math.max(FLOOR.passes, Math.floor((FLOOR.passes * targetMs) / ms))
  )
  if (passes === FLOOR.passes) return { ...withMemory, ms }
  const cost = { memoryKib, passes }
  return { ...cost, ms: await hashMs(cost) }
}
