import { exchange, type RawAnswer } from './raw-http.ts'

export type RawSent = { headers?: Record<string, string>; body?: string; version?: '1.0' | '1.1' }

/** As a client without manners writes it: nothing is tidied on the way. */
export function rawRequests(port: number) {
  return async function raw(
    method: string,
    target: string,
    { headers = {}, body = '', version = '1.1' }: RawSent = {}
  ): Promise<RawAnswer> {
    const length: Record<string, string> =
      body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const lines = Object.entries({ host: 'localhost', connection: 'close', ...length, ...headers })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    return exchange(port, `${method} ${target} HTTP/${version}\r\n${head}\r\n${body}`)
  }
}

/** Other spellings of a path, as proxies, browsers and thieves write them. */
export function spellings(path: string): string[] {
  const letter = path.length - 1
  const code = path.charCodeAt(letter).toString(16)
  const parent = path.slice(0, path.lastIndexOf('/'))
  return [
    `/${path}`,
    `//${path}`,
    `${path}/`,
    `${path}//`,
    `/.${path}`,
    `${path}/.`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `/x/%2E%2E${path}`,
    `/%2e%2e${path}`,
    `/..;${path}`,
    `${path};a=b`,
    `${path}%00`,
    `${path}%20`,
    `${path}%2f`,
    `${path}%3f`,
    `${path}%23`,
    `${path}.json`,
    `${parent}\\${path.slice(parent.length + 1)}`,
    `${parent}%2f${path.slice(parent.length + 1)}`,
    `${parent}%5c${path.slice(parent.length + 1)}`,
    path.toUpperCase(),
    `${path.slice(0, letter)}%${code}`,
    `${path.slice(0, letter)}%25${code}`,
    `http://localhost${path}`,
    `http://localhost:3000/${path}`,
    `${path}?access=public`,
    `${path}.`,
    `${path}#a`,
    `${path}%09`,
    path.replace('/', '/./'),
    `/auth/..${path}`,
    `/auth/me/..%2f..${path}`,
    `${path}?_method=GET`
  ]
}
