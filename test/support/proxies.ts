import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Teardown } from './database.ts'
import { givenFolder } from './folder.ts'
import { isListening, startDaemon } from './daemon.ts'
import { freePort } from './server.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

/** Where the example's parts are in a test. */
export type Ports = { latchkey: number; service: number }

/** A real proxy that runs an example of ours, but for the ports. @returns its own port */
export type StartProxy = (t: Teardown, ports: Ports) => Promise<number>

export const startNginx: StartProxy = async (t, ports) => {
  const folder = await givenFolder(t)
  const port = await freePort()
  const text = readFileSync(join(EXAMPLES, 'nginx/orders.conf'), 'utf8')
  await writeFile(join(folder, 'orders.conf'), replacePorts(text, { ...ports, own: port }))
  await writeFile(join(folder, 'nginx.conf'), surroundings(folder))
  await start(t, port, ['nginx', '-p', folder, '-e', `${folder}/error.log`, '-c', 'nginx.conf'])
  return port
}

/** What the distribution's nginx.conf has around the example. */
function surroundings(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`
  )
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  ${temporary.join('\n  ')}
  include ${folder}/orders.conf;
}
`
}

export const startHaproxy: StartProxy = async (t, ports) => {
  const folder = await givenFolder(t)
  const [port, inner] = [await freePort(), await freePort()]
  const text = readFileSync(join(EXAMPLES, 'haproxy/haproxy.cfg'), 'utf8')
  const own = replacePorts(text, { ...ports, own: port }).replaceAll(':8081', `:${inner}`)
  await writeFile(join(folder, 'haproxy.cfg'), own)
  await copyFile(join(EXAMPLES, 'haproxy/latchkey.lua'), join(folder, 'latchkey.lua'))
  await start(t, port, ['haproxy', '-db', '-C', folder, '-f', 'haproxy.cfg'])
  return port
}

/** The balancer of the example, in front of exactly these three servers. @returns its own port */
export async function startBalancer(t: Teardown, servers: readonly { port: number }[]) {
  const folder = await givenFolder(t)
  const port = await freePort()
  const text = readFileSync(join(EXAMPLES, 'haproxy/replicas.cfg'), 'utf8')
  const own = servers.reduce(
    (config, server, index) =>
      config.replace(`127.0.0.1:${3001 + index}`, `127.0.0.1:${server.port}`),
    text.replace('127.0.0.1:8080', `127.0.0.1:${port}`)
  )
  await writeFile(join(folder, 'haproxy.cfg'), own)
  await start(t, port, ['haproxy', '-db', '-f', `${folder}/haproxy.cfg`])
  return port
}

function replacePorts(text: string, { latchkey, service, own }: Ports & { own: number }): string {
  return text
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${latchkey}`)
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${service}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${own}`)
}

async function start(
  t: Teardown,
  port: number,
  command: readonly [string, ...string[]]
): Promise<void> {
  await startDaemon(t, command, { signal: 'SIGTERM', isUp: () => isListening(port) })
}
