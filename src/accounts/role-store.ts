import type { Postgres } from '../platform/postgres.ts'

export type RoleStore = ReturnType<typeof createRoleStore>

export function createRoleStore(postgres: Postgres) {
  /** Every role with the scopes that it allows. */
  async function findAll(): Promise<Map<string, string[]>> {
    const rows = await postgres.read((db) => db.role.findMany())
    return new Map(rows.map(({ name, scopes }) => [name, scopes]))
  }

  return { findAll }
}
