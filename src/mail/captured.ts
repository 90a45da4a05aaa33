import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  envelope,
  loadNodemailer,
  type MailTransport,
  type RenderedMail,
  type Sender
} from './transport.ts'

/** A mail that was kept instead of sent. */
export type CapturedMail = Omit<RenderedMail, 'messageId'> & { id: string; file: string }

/**
 * Mail as files: what `npm start` uses while no mail server is configured. Each is a whole `.eml`, with
 * its parts beside it (`.json`) for the page that shows them.
 */
export function createCapturedTransport(directory: string, from: Sender): MailTransport {
  async function keep(name: string, content: string | Buffer): Promise<void> {
    const path = join(directory, name)
    await writeFile(`${path}.part`, content, { mode: 0o600 })
    await rename(`${path}.part`, path)
  }

  return {
    send: async (mail) => {
      const { createTransport } = await loadNodemailer()
      const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
      const { message } = await composer.sendMail(envelope(from, mail))
      const { messageId, ...parts } = mail
      const id = messageId.replaceAll(/^<|@.*$/g, '')
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await keep(`${id}.eml`, message as Buffer)
      await keep(`${id}.json`, JSON.stringify(parts))
    },
    close: () => undefined
  }
}

/** The captured mails, newest first: their ids begin with the time. */
export async function readCapturedMail(directory: string, limit: number): Promise<CapturedMail[]> {
  const names = await readdir(directory).catch(() => [])
  const newest = names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .reverse()
    .slice(0, limit)
  return Promise.all(
    newest.map(async (name) => {
      const id = name.slice(0, -'.json'.length)
      const parts = JSON.parse(await readFile(join(directory, name), 'utf8')) as RenderedMail
      return { ...parts, id, file: join(directory, `${id}.eml`) }
    })
  )
}
