/** What a browser does, once: follows redirects on this server and keeps its cookies. */
export function openBrowser(port: number, headers: Record<string, string> = {}) {
  const cookies = new Map<string, string>()
  const origin = `http://127.0.0.1:${port}`

  async function ask(method: 'GET' | 'POST', path: string, form?: Record<string, string>) {
    const answer = await fetch(origin + path, {
      method,
      redirect: 'manual',
      headers: { ...headers, cookie: cookieHeader() },
      ...(form !== undefined && { body: new URLSearchParams(form) })
    })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return answer
  }

  /** @returns where it leads away from here */
  async function follow(path: string): Promise<string> {
    for (let hops = 0; hops < 10; hops += 1) {
      const answer = await ask('GET', path)
      const location = answer.headers.get('location')
      if (location === null) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      const next = new URL(location, origin)
      if (next.origin !== origin) return location
      path = next.pathname + next.search
    }
    throw new Error('Too many redirects.')
  }

  const cookieHeader = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return { ask, follow, cookieHeader }
}
