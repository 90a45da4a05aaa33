import { createRequire } from 'node:module'
import type buildAjv from '@fastify/ajv-compiler'
import type buildStringify from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

const require = createRequire(import.meta.url)
/** With the first request that needs them: a hundred modules, a twentieth of a start. */
const loadAjv = () => require('@fastify/ajv-compiler') as typeof buildAjv
const loadStringify = () =>
  require('@fastify/fast-json-stringify-compiler') as typeof buildStringify

type Factories = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>

/** Loads them before a request needs them. */
export function loadCompilers(): void {
  loadAjv()
  loadStringify()
}

/** What Fastify calls: true, or false with the reasons in `errors`. */
type Validate = ((data: unknown) => unknown) & { errors?: unknown }

/**
 * Fastify's own compilers, each schema compiled by the first request that needs it. Hundreds of them would
 * be more than half of the time from start to ready, and most of a server's routes are seldom called.
 */
export const lazyCompilers = {
  buildValidator(externalSchemas: unknown, options: unknown) {
    const build = () => loadAjv()()(externalSchemas as never, options as never)
    let compile: ReturnType<typeof build> | undefined
    return ({ schema }: { schema: unknown }) => {
      let compiled: Validate | undefined
      const validate: Validate = (data) => {
        compiled ??= (compile ??= build())({ schema }) as Validate
        const isValid = compiled(data)
        validate.errors = compiled.errors
        return isValid
      }
      return validate
    }
  },

  buildSerializer(externalSchemas: unknown, options: unknown) {
    const build = () => loadStringify()()(externalSchemas, options as never)
    let compile: ReturnType<typeof build> | undefined
    return (route: Parameters<ReturnType<typeof build>>[0]) => {
      let compiled: ((document: unknown) => string) | undefined
      return (document: unknown) => (compiled ??= (compile ??= build())(route))(document)
    }
  }
} as Factories
