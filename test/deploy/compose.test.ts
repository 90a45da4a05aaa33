import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { BlockList } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { ConfigError, readConfig } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/server.ts'
import {
  COMPOSE_TEXT,
  environmentOf,
  EXAMPLE,
  EXAMPLE_TEXT,
  filledIn,
  networksOf,
  readCompose,
  ROOT
} from './compose-file.ts'

const variables = filledIn()
const compose = readCompose(variables)
const services = Object.entries(compose.services)
const { proxy, server, migrate, postgres, redis } = compose.services as Required<
  typeof compose.services
>
const own = services.filter(([, { build }]) => build !== undefined)
const REQUIRED = ['DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'KEY_ENCRYPTION_KEY', 'ISSUER']

void t.test('the settings of the server, .env filled in: production starts with them', (t) => {
  const config = readConfig(environmentOf(server!))
  t.ok(config.production)
  t.equal(config.issuer, 'https://localhost')
  t.equal(new URL(config.databaseUrl!).hostname, 'postgres')
  t.equal(new URL(config.databaseUrl!).password, variables['POSTGRES_PASSWORD'])
  t.equal(new URL(config.redisUrl!).password, variables['REDIS_PASSWORD'])
  t.end()
})

void t.test('the settings of the server, any required one missing: it says which', (t) => {
  for (const name of REQUIRED) {
    const environment = { ...environmentOf(server!), [name]: '' }
    t.throws(() => readConfig(environment), { message: new RegExp(`- ${name} is required`) })
  }
  t.throws(() => readConfig({ NODE_ENV: 'production' }), ConfigError)
  t.end()
})

void t.test('the environment of our own services, read by name: nothing that nobody reads', (t) => {
  const known = new Set(Object.values(SETTINGS).map(({ name }) => name))
  for (const [service, { environment = {} }] of own) {
    const unknown = Object.keys(environment).filter((name) => !known.has(name))
    t.strictSame(unknown, [], service)
  }
  t.end()
})

void t.test('.env.example as it is: Compose refuses, naming what to do', (t) => {
  t.throws(() => readCompose(EXAMPLE), { message: /^\w+: make one with openssl rand/ })
  for (const name of ['KEY_ENCRYPTION_KEY', 'POSTGRES_PASSWORD', 'REDIS_PASSWORD']) {
    t.equal(EXAMPLE[name], '', `${name} has no value that somebody could leave there`)
    t.throws(() => readCompose({ ...variables, [name]: '' }), { message: new RegExp(`^${name}:`) })
  }
  t.end()
})

void t.test('variables, in docker-compose.yml and .env.example: the same ones', (t) => {
  const used = [...COMPOSE_TEXT.matchAll(/\$\{(\w+)/g)].map(([, name]) => name)
  t.strictSame([...new Set(used)].sort(), Object.keys(EXAMPLE).sort())
  t.notMatch(EXAMPLE_TEXT, /^(?!#|\w+=|$)/m, 'nothing but variables and comments')
  t.end()
})

void t.test('commands of our own services, looked up: the files exist', (t) => {
  t.strictSame(
    own.map(([name]) => name),
    ['server', 'migrate']
  )
  t.strictSame(migrate?.command, ['node', 'scripts/migrate.ts'])
  for (const [name, { command = ['node', 'src/server.ts'], entrypoint }] of own) {
    t.equal(entrypoint, undefined, `${name} leaves the entry point alone`)
    t.equal(command[0], 'node')
    t.ok(existsSync(join(ROOT, command[1] ?? '')), `${name}: ${command[1] ?? ''}`)
  }
  t.end()
})

void t.test('depends_on, of every service: the target exists and can get there', (t) => {
  for (const [name, { depends_on: targets = {} }] of services) {
    for (const [target, { condition }] of Object.entries(targets)) {
      const service = compose.services[target]
      if (service === undefined) {
        t.fail(`${name} waits for ${target}, which is not there`)
      } else if (condition === 'service_healthy') {
        // The image's own HEALTHCHECK is tested in image.test.ts.
        const isOurs = service.build !== undefined && service.healthcheck?.disable !== true
        t.ok(isOurs || service.healthcheck?.test !== undefined, `${target} tells its health`)
      } else {
        t.equal(condition, 'service_completed_successfully')
        t.equal(service.restart, 'no', `${target} ends`)
      }
    }
  }
  t.match(server?.depends_on, { migrate: {}, postgres: {}, redis: {} })
  t.match(proxy?.depends_on, { server: { condition: 'service_healthy' } })
  t.end()
})

void t.test('published ports: only the proxy can leave loopback, and stores have none', (t) => {
  const open = readCompose({ ...variables, PUBLISH_ADDRESS: '0.0.0.0', HTTPS_PORT: '8443' })
  for (const [name, { ports = [] }] of Object.entries(open.services)) {
    if (name === 'proxy') t.strictSame(ports, ['0.0.0.0:8443:8443'])
    else for (const port of ports) t.match(port, /^127\.0\.0\.1:\d+:\d+$/, name)
  }
  t.strictSame(proxy?.ports, ['127.0.0.1:443:443'], 'closed to other machines by default')
  for (const service of [server, migrate, postgres, redis]) t.equal(service?.ports, undefined)
  t.strictSame([networksOf(postgres!), networksOf(redis!)], [['back'], ['back']])
  t.equal(compose.networks['back']?.internal, true)
  t.end()
})

void t.test('the profile dev, as a list: tools that nothing else waits for', (t) => {
  const tools = services
    .filter(([, { profiles = [] }]) => profiles.includes('dev'))
    .map(([id]) => id)
  t.strictSame(tools, ['pgadmin', 'redisinsight'])
  const awaited = services.flatMap(([, service]) => Object.keys(service.depends_on ?? {}))
  t.notOk(awaited.some((name) => tools.includes(name)))
  t.end()
})

void t.test(
  'the proxy, before the server: its one fixed address is what the server trusts',
  (t) => {
    const networks = proxy?.networks as Record<string, { ipv4_address: string }>
    const address = networks['front']?.ipv4_address ?? ''
    t.strictSame(readConfig(environmentOf(server!)).trustedProxies, [address])
    t.ok(networksOf(server!).includes('front'))
    const { subnet, ip_range: dynamic } = compose.networks['front']!.ipam!.config[0]!
    t.ok(rangeOf(subnet).check(address), 'it lies in the network')
    t.notOk(rangeOf(dynamic).check(address), 'and nobody else is given it')
    const target = proxy?.configs?.[0]?.target
    t.strictSame(proxy?.command, ['caddy', 'run', '--config', target])
    t.match(compose.configs['proxy']?.content, /^https:\/\/localhost \{$/m)
    t.end()
  }
)

void t.test('--scale server=3: nothing is fixed that only one can have', (t) => {
  t.equal(server?.ports, undefined)
  t.equal(server?.container_name, undefined)
  t.equal(server?.volumes, undefined)
  t.ok(Array.isArray(server?.networks), 'and no fixed address')
  t.end()
})

void t.test('services, as a whole: pinned, restarted, their volumes and configs declared', (t) => {
  for (const [name, { image = '', build, restart, volumes = [] }] of services) {
    if (build === undefined) t.match(image, /^[\w./-]+:v?\d+\.\d+/, `${name} is pinned`)
    t.equal(restart, name === 'migrate' ? 'no' : 'unless-stopped', name)
    for (const volume of volumes) t.ok((volume.split(':')[0] ?? '') in compose.volumes, volume)
  }
  for (const [name, { read_only: isReadOnly }] of own) t.equal(isReadOnly, true, name)
  t.hasOwnPropsOnly(compose.configs, ['proxy', 'redis', 'postgres', 'pgadmin'])
  for (const [, { configs = [] }] of services)
    for (const { source } of configs) t.ok(source in compose.configs, source)
  t.ok(JSON.parse(compose.configs['pgadmin']!.content))
  t.end()
})

void t.test(
  'the Redis of the file, started here: healthy, closed, and evicting nothing',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
    const port = String(await freePort())
    await writeFile(join(folder, 'redis.conf'), compose.configs['redis']!.content)
    const args = [
      join(folder, 'redis.conf'),
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder
    ]
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    })
    const [, program = '', ...rest] = redis!.healthcheck!.test!
    const probe = (environment: Record<string, string>) =>
      spawnSync(program, ['-p', port, ...rest], {
        env: { PATH: process.env['PATH'] ?? '', ...environment }
      }).status
    const environment = environmentOf(redis!)
    await eventually('a healthy Redis', () => Promise.resolve(probe(environment) === 0))
    t.not(probe({}), 0, 'without the password it is not even well')
    const url = new URL(environmentOf(server!)['REDIS_URL']!)
    const client = new Redis({ port: Number(port), password: url.password })
    t.strictSame(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction'])
    client.disconnect()
  }
)

function rangeOf(subnet: string): BlockList {
  const [network = '', prefix] = subnet.split('/')
  const list = new BlockList()
  list.addSubnet(network, Number(prefix))
  return list
}
