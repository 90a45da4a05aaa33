import buildAjv from '@fastify/ajv-compiler'
import buildStringify from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

type Factories = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>

/** What Fastify calls: true, or false with the reasons in `errors`. */
type Validate = ((data: unknown) => unknown) & { errors?: unknown }

/**
 * Fastify's own compilers, each schema compiled by the first request that needs it. Hundreds of them would
 * be more than half of the time from start to ready, and most of a server's routes are seldom called.
 */
export const lazyCompilers = {
  buildValidator(externalSchemas: unknown, options: unknown) {
    const compile = buildAjv()(externalSchemas as never, options as never)
    return ({ schema }: { schema: unknown }) => {
      let compiled: Validate | undefined
      const validate: Validate = (data) => {
        compiled ??= compile({ schema }) as Validate
        const isValid = compiled(data)
        validate.errors = compiled.errors
        return isValid
      }
      return validate
    }
  },

  buildSerializer(externalSchemas: unknown, options: unknown) {
    const compile = buildStringify()(externalSchemas, options as never)
    return (route: Parameters<typeof compile>[0]) => {
      let compiled: ((document: unknown) => string) | undefined
      return (document: unknown) => (compiled ??= compile(route))(document)
    }
  }
} as Factories
