// Loads what the server loads, so that its compile cache is filled; for images, whose files nobody changes later.
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/latchkey'))
await import('./start.ts')
flushCompileCache()
process.exit(0)
