/** Prisma's statements have names too, which tell nothing. What goes together has a name of several. */
const OURS = /^(?!prisma_)[a-z][a-z0-9_]{0,62}( \+ [a-z][a-z0-9_]{0,62})*$/
const VERB =
  /\b(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET|SHOW|DEALLOCATE)\b/i
const TABLE = /\b(?:FROM|INTO|UPDATE)\s+(?:"?public"?\.)?"?([a-z_][a-z0-9_]*)"?/i
const VERBS_OF_TABLES = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])

/**
 * What a statement does, in few words, for a span: its own name where we gave it one, else `UPDATE session`.
 * Nothing of it comes from a request: verbs are a closed list, and a table's name is looked for where only
 * a table's can stand.
 */
export function summarize({ name, text }: { name?: string | undefined; text: string }): string {
  if (name !== undefined && OURS.test(name)) return name
  const verb = VERB.exec(text)?.[1]?.toUpperCase()
  if (verb === undefined) return 'statement'
  const table = VERBS_OF_TABLES.has(verb) ? TABLE.exec(text)?.[1] : undefined
  return table === undefined ? verb : `${verb} ${table.toLowerCase()}`
}
