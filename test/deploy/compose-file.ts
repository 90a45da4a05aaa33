import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { parse } from 'yaml'

export const ROOT = join(import.meta.dirname, '..', '..')

type Condition = 'service_healthy' | 'service_completed_successfully' | 'service_started'

export type Service = {
  image?: string
  build?: string
  command?: string[]
  entrypoint?: string[]
  environment?: Record<string, string | number>
  depends_on?: Record<string, { condition: Condition }>
  healthcheck?: { test?: string[]; disable?: boolean }
  ports?: string[]
  profiles?: string[]
  networks?: string[] | Record<string, { ipv4_address?: string } | null>
  volumes?: string[]
  configs?: { source: string; target: string }[]
  container_name?: string
  restart?: string
  read_only?: boolean
}

export type ComposeFile = {
  services: Record<string, Service>
  networks: Record<
    string,
    { internal?: boolean; ipam?: { config: { subnet: string; ip_range: string }[] } }
  >
  volumes: Record<string, unknown>
  configs: Record<string, { content: string }>
}

export const COMPOSE_TEXT = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
export const EXAMPLE_TEXT = readFileSync(join(ROOT, '.env.example'), 'utf8')
export const EXAMPLE = parseEnv(EXAMPLE_TEXT) as Record<string, string>

/** The file as Compose sees it with these variables. */
export function readCompose(variables: Record<string, string>): ComposeFile {
  return substitute(parse(COMPOSE_TEXT, { merge: true }), variables) as ComposeFile
}

/** What somebody has who followed the comments of .env.example. */
export function filledIn(): Record<string, string> {
  const values = { ...EXAMPLE }
  let make: (() => string) | undefined
  for (const line of EXAMPLE_TEXT.split('\n')) {
    const command = /^#.*\bopenssl rand -(base64|hex) (\d+)$/.exec(line)
    const empty = /^(\w+)=$/.exec(line)?.[1]
    if (command !== null) {
      const [, encoding, bytes] = command
      make = () => randomBytes(Number(bytes)).toString(encoding as 'base64' | 'hex')
    } else if (empty !== undefined && make !== undefined) values[empty] = make()
    else if (!line.startsWith('#')) make = undefined
  }
  return values
}

/** Compose's `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`. */
function substitute(node: unknown, variables: Record<string, string>): unknown {
  if (typeof node === 'string') {
    return node.replace(
      /\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})/g,
      (_all, name?: string, operator?: string, text = '') => {
        if (name === undefined) return '$'
        const value = variables[name] ?? ''
        if (value === '' && operator === '?') throw new Error(`${name}: ${String(text)}`)
        return value === '' ? String(text) : value
      }
    )
  }
  if (Array.isArray(node)) return node.map((item) => substitute(item, variables))
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, substitute(value, variables)])
  )
}

/** A service's environment as its process gets it. */
export function environmentOf(service: Service): Record<string, string> {
  return Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, value]) => [name, String(value)])
  )
}

/** The networks of a service. */
export function networksOf({ networks = [] }: Service): string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks)
}
