import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const openssl = async (cwd: string, ...args: string[]) =>
  promisify(execFile)('openssl', args, { cwd })

export type Certificate = { key: string; cert: string }

/** A certificate authority of the test's own. `ca` is what trusts it. */
export async function createTlsAuthority() {
  const ca = await inFolder(async (folder) => {
    await openssl(folder, ...SELF_SIGNED, '-subj', '/CN=Test authority')
    return read(folder, 'key.pem', 'cert.pem')
  })

  /** @param names DNS names and IP addresses */
  async function issue(...names: string[]): Promise<Certificate> {
    return inFolder(async (folder) => {
      const kind = (name: string) => (/^[\d.]+$|:/.test(name) ? 'IP' : 'DNS')
      const subject = names.map((name) => `${kind(name)}:${name}`).join(',')
      await writeFile(join(folder, 'ca-key.pem'), ca.key)
      await writeFile(join(folder, 'ca.pem'), ca.cert)
      await openssl(
        folder,
        ...SELF_SIGNED,
        ...['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-subj', '/CN=Test server'],
        ...['-addext', `subjectAltName=${subject}`, '-addext', 'basicConstraints=critical,CA:FALSE']
      )
      return read(folder, 'key.pem', 'cert.pem')
    })
  }

  return { ca: ca.cert, issue }
}

const SELF_SIGNED = [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
  ...['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2']
]

async function read(folder: string, key: string, cert: string): Promise<Certificate> {
  const [keyPem, certPem] = await Promise.all(
    [key, cert].map((name) => readFile(join(folder, name), 'utf8'))
  )
  return { key: keyPem!, cert: certPem! }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
