import type { RoleStore } from './role-store.ts'

/** The scopes that the administrator's own API asks for. */
export const ADMIN_SCOPE = 'admin'

export type Roles = Awaited<ReturnType<typeof openRoles>>

/** What the roles of a person allow: the table, held in memory and read again now and then. */
export async function openRoles(store: RoleStore) {
  let scopesByRole = new Map<string, string[]>()

  async function reload(): Promise<void> {
    scopesByRole = await store.findAll()
  }

  /** All that any of the roles allows, sorted, each once. A role that is not in the table allows nothing. */
  function scopesOf(roles: string[]): string[] {
    return [...new Set(roles.flatMap((role) => scopesByRole.get(role) ?? []))].sort()
  }

  await reload()
  return { scopesOf, exists: (role: string) => scopesByRole.has(role), reload }
}
