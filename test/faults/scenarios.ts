import { FLOOD } from './flood.ts'
import { MAIL } from './mail.ts'
import { POSTGRES } from './postgres.ts'
import { POSTGRES_FAILOVER } from './postgres-failover.ts'
import { REDIS } from './redis.ts'
import { REDIS_FAILOVER } from './redis-failover.ts'
import { REPLICAS } from './replicas.ts'
import { SERVERS } from './servers.ts'
import type { Scenario } from './scenario.ts'
import { UPGRADE } from './upgrade.ts'

/** Every fault there is a promise about (SECURITY F1 to F7). */
export const SCENARIOS: Scenario[] = [
  ...REDIS,
  ...REDIS_FAILOVER,
  ...POSTGRES,
  ...POSTGRES_FAILOVER,
  ...MAIL,
  ...SERVERS,
  ...FLOOD,
  ...REPLICAS,
  ...UPGRADE
]
