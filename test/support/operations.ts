import type { TestApp } from './app.ts'

export type FieldSchema = {
  type?: string
  enum?: unknown[]
  anyOf?: FieldSchema[]
  pattern?: string
  maxLength?: number
  minimum?: number
}

export type BodySchema = {
  required?: string[]
  properties: Record<string, FieldSchema>
}

/** What the OpenAPI document says about one method of one path. */
export type Operation = {
  /** `POST /auth/login` */
  name: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As the document writes it: `/users/sessions/{id}` */
  path: string
  /** With something in the place of every parameter. */
  url: string
  parameters: Parameter[]
  body: BodySchema | null
  /** Whether `null` and no body at all will do. */
  isBodyOptional: boolean
  /** Whether it wants an access token; one that it merely takes does not count. */
  needsToken: boolean
  statuses: number[]
}

export type Parameter = { name: string; in: 'path' | 'query'; schema: FieldSchema }

type Documented = {
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: FieldSchema & Partial<BodySchema> }> }
  security?: Record<string, unknown>[]
  responses: Record<string, unknown>
}

/** Every documented operation of our own API (OAuth's endpoints have rules of their own), so that a new route is tested without a line for it. */
export async function operationsOf(app: TestApp): Promise<Operation[]> {
  const { paths } = (await app.get('/openapi.json')).json<{
    paths: Record<string, Record<string, Documented>>
  }>()
  const own = Object.entries(paths).filter(([path]) => !path.startsWith('/oauth/'))
  return own.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, documented]) => operation(path, method, documented))
  )
}

function operation(path: string, method: string, documented: Documented): Operation {
  const schema = documented.requestBody?.content['application/json']?.schema
  const branches = schema?.anyOf ?? [schema]
  const body = branches.find((branch) => branch?.type === 'object') as BodySchema | undefined
  const security = documented.security ?? []
  return {
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase() as Operation['method'],
    path,
    parameters: documented.parameters ?? [],
    url: path.replaceAll(/\{\w+\}/g, '00000000-0000-7000-8000-000000000000'),
    body: body ?? null,
    isBodyOptional: branches.some((branch) => branch?.type === 'null'),
    needsToken: security.length > 0 && security.every((way) => 'bearer' in way),
    statuses: Object.keys(documented.responses).map(Number)
  }
}

const SAMPLES: Record<string, unknown> = {
  email: 'nobody@example.com',
  username: 'nobody',
  phone_number: '+4930123456',
  locale: 'en',
  events: ['*']
}

/** A value that the schema of a field takes. */
export function sampleOf(field: string, schema: FieldSchema): unknown {
  if (field in SAMPLES) return SAMPLES[field]
  const choice = [schema, ...(schema.anyOf ?? [])].find(({ enum: values }) => values !== undefined)
  if (choice?.enum !== undefined) return choice.enum[0]
  if (typesOf(schema).has('string')) return 'sparrow-lantern-42-quartz'
  if (typesOf(schema).has('integer')) return schema.minimum ?? 1
  return typesOf(schema).has('boolean') ? true : []
}

/** The smallest body that the schema takes. */
export function sampleBody({ required = [], properties }: BodySchema): Record<string, unknown> {
  return Object.fromEntries(
    required.map((field) => [field, sampleOf(field, properties[field] ?? {})])
  )
}

/** Every JSON type that a field may have. */
export function typesOf(schema: FieldSchema): Set<string> {
  const own = schema.type === undefined ? [] : [schema.type]
  return new Set([...own, ...(schema.anyOf ?? []).flatMap((branch) => [...typesOf(branch)])])
}
