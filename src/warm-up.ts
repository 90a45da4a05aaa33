// Loads what the server loads, at its start or later, so that its compile cache is filled; for images, whose files
// nobody changes later. The cache goes by user and by Node: run it as the user and with the flags that the server has.
import { globSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

/** What acts as soon as it is loaded. */
const ACTING = ['warm-up.ts', 'accounts/password-strength-worker.ts']
/** What modules of ours load from packages when they need it. */
const LATER = [
  'nodemailer',
  'typebox/value',
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  '@prisma/client/runtime/query_compiler_small_bg.postgresql.mjs',
  '@prisma/client/runtime/query_compiler_small_bg.postgresql.wasm-base64.mjs'
]

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/latchkey'))
const own = globSync('**/*.ts', { cwd: import.meta.dirname }).filter(
  (name) => !ACTING.includes(name) && !name.endsWith('.d.ts')
)
for (const name of [...own.map((file) => `./${file}`), ...LATER]) await import(name)
flushCompileCache()
process.exit(0)
