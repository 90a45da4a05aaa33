import { openCluster } from '../../../src/platform/embedded-postgres/cluster.ts'
import { applyMigrations } from '../../../src/platform/migrate.ts'
import type { Teardown } from '../database.ts'
import { givenFolder } from '../folder.ts'
import { openNode, type Node } from './postgres-node.ts'

/** A real Postgres of the scenario's own, migrated and started. */
export async function startPostgres(t: Teardown, migrate = applyOwnMigrations): Promise<Node> {
  const { dir, password } = await openCluster(await givenFolder(t), () => undefined)
  const node = await openNode(t, dir, password)
  await node.start()
  await migrate(node.url)
  return node
}

async function applyOwnMigrations(databaseUrl: string): Promise<void> {
  await applyMigrations({ databaseUrl })
}
