import { text } from 'node:stream/consumers'
import type { Teardown } from './database.ts'
import { listenOnLoopback } from './http-listener.ts'

export type Heard = { path: string; type: string; token: string; cookie: string | undefined }

/** An application that is told of logouts (OpenID Connect Back-Channel Logout §2.5), on loopback. */
export async function startLogoutListener(t: Teardown) {
  const heard: Heard[] = []
  /** How the application answers, one after another; 200 when there is nothing left. */
  const answers: number[] = []
  const port = await listenOnLoopback(t, (request, response) => {
    void text(request).then((body) => {
      const { headers, url: path = '' } = request
      const token = new URLSearchParams(body).get('logout_token') ?? ''
      heard.push({ path, type: headers['content-type'] ?? '', token, cookie: headers.cookie })
      response.writeHead(answers.shift() ?? 200).end()
    })
  })
  return { host: `127.0.0.1:${port}`, heard, answers }
}
