import type { Postgres } from '../platform/postgres.ts'

export type RoleStore = ReturnType<typeof createRoleStore>

const FIND_ALL = { name: 'roles', text: 'SELECT name, scopes FROM role' }

export function createRoleStore(postgres: Postgres) {
  /** Every role with the scopes that it allows. */
  async function findAll(): Promise<Map<string, string[]>> {
    const rows = await postgres.query<{ name: string; scopes: string[] }>(FIND_ALL, [])
    return new Map(rows.map(({ name, scopes }) => [name, scopes]))
  }

  return { findAll }
}
