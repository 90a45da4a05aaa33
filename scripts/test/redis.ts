import { ensureProgram } from './debian-package.ts'

/** No package of npm brings Redis. */
export async function ensureRedis(): Promise<void> {
  await ensureProgram({ program: 'redis-server', debianPackage: 'redis-server' })
}
