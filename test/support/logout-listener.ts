import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

export type Heard = { path: string; type: string; token: string; cookie: string | undefined }

/** An application that is told of logouts (OpenID Connect Back-Channel Logout §2.5), on loopback. */
export async function startLogoutListener(t: Test) {
  const heard: Heard[] = []
  /** How the application answers, one after another; 200 when there is nothing left. */
  const answers: number[] = []
  const listener = createServer((request, response) => {
    void text(request).then((body) => {
      const { headers, url: path = '' } = request
      const token = new URLSearchParams(body).get('logout_token') ?? ''
      heard.push({ path, type: headers['content-type'] ?? '', token, cookie: headers.cookie })
      response.writeHead(answers.shift() ?? 200).end()
    })
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    listener.closeAllConnections()
    listener.close()
  })
  return { host: `127.0.0.1:${(listener.address() as AddressInfo).port}`, heard, answers }
}
