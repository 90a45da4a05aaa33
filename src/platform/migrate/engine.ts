import { readFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory
} from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'

const LETTER = 18
const LETTER_ARRAY = 1002

type ScriptRunner = (script: string) => Promise<unknown>

/**
 * Prisma's schema engine as WebAssembly: no download, no child process.
 *
 * @param pool with one connection, ended by the caller: the engine never gives its lock back
 * @param runScript runs a migration's file as one query
 */
export async function openEngine(
  pool: pg.Pool,
  schema: string,
  runScript: ScriptRunner = (script) => pool.query(script)
): Promise<bindings.SchemaEngine> {
  await (loading ??= load())
  const prisma = new PrismaPg(pool)
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: prisma.provider,
    adapterName: prisma.adapterName,
    connect: async () => adjust(await prisma.connect(), pool, runScript),
    connectToShadowDb: () => Promise.reject(new Error('There is no shadow database.'))
  }
  return bindings.SchemaEngine.new(
    { datamodels: [['schema.prisma', schema]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory)
  )
}

/** What Prisma's own tools do natively and the adapter lacks. */
function adjust(adapter: SqlDriverAdapter, pool: pg.Pool, runScript: ScriptRunner) {
  // The adapter's own cuts at every semicolon, also inside the body of a function.
  adapter.executeScript = async (script) => {
    await runScript(script)
  }
  // The catalogue is full of "char", a letter that the adapter has no word for. It passes as an
  // array of letters, which the catalogue does not hold, and comes out as one letter.
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<Partial<pg.QueryResult>>
  pool.query = (async (...args: unknown[]) => {
    const result = await query(...args)
    for (const field of result.fields ?? []) {
      if (field.dataTypeID === LETTER) field.dataTypeID = LETTER_ARRAY
    }
    return result
  }) as typeof pool.query
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (statement) => {
    const result = await queryRaw(statement)
    const { Character, CharacterArray } = ColumnTypeEnum
    const columnTypes = result.columnTypes.map((type) =>
      type === CharacterArray ? Character : type
    )
    return { ...result, columnTypes }
  }
  return adapter
}

let loading: Promise<void> | undefined

/** Neither Node's typings nor the library of the language describe WebAssembly. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Exports } }>
}
type Exports = {
  __wbindgen_start(): void
}

async function load(): Promise<void> {
  const file = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm'))
  const imports = { './schema_engine_bg.js': { ...bindings, ...detachedTimers() } }
  const { exports } = (await WebAssembly.instantiate(await readFile(file), imports)).instance
  // A panic would otherwise be reported as the absence of this object.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: panic } })
  ;(bindings as unknown as { __wbg_set_wasm(exports: Exports): void }).__wbg_set_wasm(exports)
  exports.__wbindgen_start()
}

/** The engine forgets the 10 s timer of its lock, which would hold up the end of the process. */
function detachedTimers(): Record<string, (task: () => void, delayMs: number) => NodeJS.Timeout> {
  const names = Object.keys(bindings).filter((name) => name.startsWith('__wbg_setTimeout_'))
  return Object.fromEntries(
    names.map((name) => [name, (task, delayMs) => setTimeout(task, delayMs).unref()])
  )
}

function panic(message: string): never {
  throw new Error(`schema engine: ${message}`)
}
