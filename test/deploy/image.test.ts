import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { createEmptyDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis } from '../support/redis.ts'
import { collect, freePort } from '../support/server.ts'
import { environmentOf, filledIn, readCompose, ROOT } from './compose-file.ts'
import { copiesOf, execForm, isIgnored, originOf, readStages } from './dockerfile.ts'
import { assembleImage } from './image-tree.ts'

const stages = readStages()
const image = stages.at(-1)!
const tree = await assembleImage(t)
const STATIC_IMPORT = /^(?:import |(?:import|export) (?!type ).* from |\} from )'([^']+)'/gm

void t.test('the base image, of every stage: the Node that the tests run on, Debian named', (t) => {
  for (const stage of stages)
    t.equal(
      originOf(stage, stages),
      `node:${packageJson.devDependencies.node}-trixie-slim`,
      stage.name
    )
  t.match(packageJson.devDependencies.node, /^24\./)
  t.end()
})

void t.test('every COPY, looked up: its source exists and is not ignored', (t) => {
  for (const { from, sources } of stages.flatMap(copiesOf)) {
    if (from !== undefined) t.ok(stages.some(({ name }) => name === from))
    else
      for (const source of sources) {
        t.ok(existsSync(join(ROOT, source)), `${source} exists`)
        t.notOk(isIgnored(source), `${source} gets in`)
      }
  }
  t.end()
})

void t.test('.dockerignore, for what is secret or not needed: it stays outside', (t) => {
  const outside = ['.env', '.env.local', '.git/config', '.data/postgres', 'keys/kek', 'test/a.ts']
  const built = ['node_modules/pg/package.json', 'src/platform/prisma/client.ts', 'Dockerfile']
  for (const path of [...outside, ...built]) t.ok(isIgnored(path), path)
  for (const path of ['src/server.ts', 'scripts/migrate.ts', 'prisma/schema.prisma'])
    t.notOk(isIgnored(path), path)
  t.end()
})

void t.test('the last stage, in order: not root from the last copy on, exec form', (t) => {
  const names = image.instructions.map(({ name }) => name)
  const textOf = (name: string) => image.instructions.findLast((one) => one.name === name)?.text
  t.equal(textOf('USER'), 'node')
  t.ok(names.lastIndexOf('USER') > names.lastIndexOf('COPY'))
  t.notOk(names.includes('RUN'))
  t.equal(textOf('EXPOSE'), '3000')
  t.match(textOf('ENV'), /\bNODE_ENV=production\b/)
  t.strictSame(execForm(textOf('CMD')!), ['node', 'src/server.ts'])
  t.match(execForm(textOf('HEALTHCHECK')!), ['node', '-e', /\/livez/])
  t.end()
})

void t.test('what glibc reads of the environment, by npm start and in the image: the same', (t) => {
  const read = (text: string) => text.match(/\b(?:MALLOC_|GLIBC_)\w+=\S+/g)?.sort() ?? []
  const env = image.instructions.filter(({ name }) => name === 'ENV').map(({ text }) => text)
  const inImage = read(env.join(' '))
  t.strictSame(inImage, read(packageJson.scripts.start))
  t.equal(inImage.length, 4)
  t.end()
})

void t.test('imports of all code in the image, resolved: the image has them', (t) => {
  const files = globSync('{src,scripts}/**/*.ts', { cwd: tree })
  t.ok(files.includes('scripts/migrate.ts'))
  for (const file of files) {
    const text = readFileSync(join(tree, file), 'utf8')
    for (const [, name = ''] of text.matchAll(STATIC_IMPORT)) {
      if (name.startsWith('node:')) continue
      const [scope = '', rest = ''] = name.split('/')
      const folder = join('node_modules', scope, scope.startsWith('@') ? rest : '')
      const path = name.startsWith('.') ? join(dirname(file), name) : folder
      if (!existsSync(join(tree, path))) t.fail(`${file} imports ${name}`)
    }
  }
  t.end()
})

void t.test('the image, put together here: it migrates, starts, is healthy, stops', async (t) => {
  const { server, migrate } = readCompose(filledIn()).services
  const port = String(await freePort())
  const env = {
    PATH: process.env['PATH'] ?? '',
    ...environmentOf(server!),
    DATABASE_URL: (await createEmptyDatabase(t)).url,
    REDIS_URL: (await startRedis(t)).url,
    SMTP_URL: `smtp://127.0.0.1:${await freePort()}`,
    HOST: '127.0.0.1',
    PORT: port
  }
  const run = (args: string[]) => spawnSync(process.execPath, args, { cwd: tree, env })
  const textOf = (name: string) => image.instructions.findLast((one) => one.name === name)!.text
  const [, ...probe] = execForm(textOf('HEALTHCHECK'))!
  const [, ...command] = execForm(textOf('CMD'))!

  t.match(run(command).stderr.toString(), /npm run migrate/)
  const drill = run(['scripts/keys.ts', 'drill'])
  t.equal(drill.status, 1)
  t.match(drill.stderr.toString(), /^The drill runs on an embedded Postgres.*\n$/)
  t.equal(run(migrate!.command!.slice(1)).status, 0, 'migrates')
  t.not(run(probe).status, 0, 'unhealthy while nothing runs')

  const child = spawn(process.execPath, command, { cwd: tree, env, stdio: 'pipe' })
  t.teardown(() => child.kill('SIGKILL'))
  const output = collect(child)
  const exit = once(child, 'exit')
  await eventually(
    'health',
    () => {
      if (child.exitCode !== null) throw new Error(output())
      return Promise.resolve(run(probe).status === 0)
    },
    30_000
  )
  t.equal((await fetch(`http://127.0.0.1:${port}/openapi.json`)).status, 200)
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
  child.kill('SIGTERM')
  t.strictSame(await exit, [0, null], output())
})
