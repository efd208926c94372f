// The pages work without this file. With it they change by themselves: a hint of the server has htmx fetch the page again,
// and buttons leave the page where it is.
(() => {
  'use strict'
  const $ = (selector, root = document) => root.querySelector(selector)
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]
  const parse = (html) => {
    const t = document.createElement('template')
    t.innerHTML = html
    return t.content
  }
  const words = JSON.parse(document.documentElement.dataset.words)
  const say = (name, n) => words[name].replace('%s', n)
  document.documentElement.classList.add('js')

  const flash = (words, bad, undo) => {
    const el = $('#flash')
    el.textContent = words
    if (undo) el.append(' ', undoButton(null, undo))
    el.classList.toggle('bad', Boolean(bad))
    for (const a of el.getAnimations()) { a.cancel(); a.play() } // it leaves by itself, ten seconds from now
  }
  document.addEventListener('click', (e) => { if (e.target.id === 'flash') e.target.textContent = '' })

  // A hint has the page fetched again, and idiomorph makes of what is there what came. These stay as they are: what was
  // chosen, for it is what was shown then; a disclosure that is open; a row that was acted on; and what somebody is at, at the
  // edge of a list.

  const page = () => $('#page')
  const again = () => { if ($('#again')) window.htmx?.trigger('#again', 'again') }
  const acted = (el) => el.classList?.contains('acted') && el.dataset.over === undefined
  const gone = (el) => el.classList.contains('gone')
  const inUse = (el) => el.matches?.('input:checked') || acted(el) || (el.matches?.('.edge') && el.contains(document.activeElement))
  const keepPlaces = (list, fresh) => { // of rows that were acted on, and are in the list no more
    const twin = (el) => [...fresh.children].find((row) => row.id === el?.id)
    for (const node of [...list.childNodes, ...fresh.childNodes]) { // two line ends before a row hide it from idiomorph
      if (node.nodeType === Node.TEXT_NODE) node.remove()
    }
    if (list.dataset.still !== undefined) { // what is here stays in its order, and what is new comes last
      const known = [...list.children].map(twin).filter(Boolean)
      fresh.prepend(...known)
    }
    for (const el of list.children) {
      const whole = el.matches('.group') && $$('.acted', el).some(acted) // a host, with the row that was acted on
      if (!(acted(el) || whole) || twin(el)) continue
      const place = el.cloneNode(whole)
      $$('.row:not(.acted)', place).forEach((row) => row.remove())
      let before = el.previousElementSibling
      while (before && !twin(before)) before = before.previousElementSibling // a row before it may go just now
      before ? twin(before).after(place) : fresh.prepend(place)
    }
  }
  // Nothing moves while somebody is at a list: rows are renewed where they are, and one that has left says so. Once the pointer
  // and the keyboard are elsewhere, or have rested for ten seconds, what is new comes and what has left goes, in one slide: a
  // list that has just moved is not pressed where another row has come to lie.
  const settling = 400
  const rest = 10000
  let slid = 0
  let touched = 0
  let waiting = false // a page that came was not shown whole
  const busy = () => !document.hidden && Date.now() - touched < rest &&
    $(':is(#page .rows, #l-misses, #l-meta):is(:hover, :has(:focus-visible))')
  for (const what of ['pointermove', 'pointerdown', 'keydown']) document.addEventListener(what, () => { touched = Date.now() }, { passive: true, capture: true })
  setInterval(() => { if (waiting && !busy()) again() }, 1000)
  const leave = (row) => {
    clearTimeout(timers.get(row))
    if (row !== document.activeElement && row.contains(document.activeElement)) row.focus({ preventScroll: true })
    const says = fateOf(row)
    says.textContent ||= say('gone')
    row.classList.remove('acted')
    row.classList.add('gone')
  }
  const renew = (html) => { // the rows, in their places
    const fresh = parse(html)
    waiting = true
    for (const row of $$('#page .row').filter((row) => !acted(row) && !(aimed() && row.matches(':hover')))) {
      const twin = fresh.getElementById(row.id)
      if (!twin) {
        leave(row)
        continue
      }
      if (gone(row) || row.dataset.over !== undefined) clear(row)
      window.Idiomorph.morph(row, twin)
    }
    for (const el of $$('#page .n[id]')) el.textContent = fresh.getElementById(el.id)?.textContent ?? ''
  }
  let tops = null
  const topsOf = () => new Map($$('#page, #page ~ *, footer, #page :is(:scope > *, section > *, #l-misses > *, .rest > *, .rows > *, #l-meta > *)').map((el) => [el, el.checkVisibility() ? el.getBoundingClientRect().top : null]))
  const slide = () => { // from where things were to where they are
    const now = topsOf()
    const by = (el) => el && now.get(el) !== null && (tops.get(el) ?? null) !== null ? tops.get(el) - now.get(el) : 0
    const over = (el) => { do { el = el.parentElement } while (el && !now.has(el)); return el }
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    for (const el of now.keys()) {
      const way = by(el) - by(over(el))
      if (Math.abs(way) < 1) continue
      slid = Date.now()
      if (!still) el.animate({ transform: [`translateY(${way}px)`, 'none'] }, { duration: settling / 2, easing: 'ease-out' })
    }
    tops = null
    waiting = false
  }
  // Times are told as the server tells them, and go on.
  const ago = (seconds, was) => seconds < 60 ? say('now') : seconds < 3600 ? say('minutes', Math.floor(seconds / 60))
    : seconds < 172800 ? say('hours', Math.floor(seconds / 3600)) : seconds < 5184000 ? say('days', Math.floor(seconds / 86400)) : was
  const tellTimes = () => {
    for (const el of $$('time[datetime]')) {
      const seconds = (Date.now() - Date.parse(el.dateTime)) / 1000
      const word = seconds > -60 ? ago(seconds, el.textContent) : el.textContent
      if (seconds > -60 && el.textContent !== word) el.textContent = word
    }
  }
  setInterval(tellTimes, 20000)

  let focus = null // where it goes when the row that has it is taken away
  if (window.Idiomorph) {
    Object.assign(window.Idiomorph.defaults.callbacks, {
      beforeNodeMorphed: (old, fresh) => {
        if (old.matches?.('.rows, #l-misses, #l-meta')) keepPlaces(old, fresh)
        return !inUse(old)
      },
      beforeAttributeUpdated: (name) => name !== 'open',
      beforeNodeRemoved: (el) => {
        if (el.contains(document.activeElement)) focus = el.nextElementSibling || el.previousElementSibling
        return true
      },
      afterNodeAdded: (el) => { if (el.matches?.('.row')) el.classList.add('new') },
    })
  }
  document.addEventListener('htmx:afterSwap', () => {
    tellTimes()
    if (tops) slide() // not where the header came
    if (focus) $('button, a', focus.isConnected ? focus : page())?.focus()
    focus = null
    $$('.acted:empty').forEach((place) => place.remove()) // of a row that was not found again, because the order is another
    $$('[data-all]').forEach((box) => { box.checked = false })
  })

  // Who points at a button is about to press it: nothing that a client does meanwhile puts another one there.

  const aim = 1500
  let moved = 0
  document.addEventListener('pointermove', () => { moved = Date.now() }, { passive: true })
  const aimed = () => Date.now() - moved < aim && $('#page .acts:hover, #page .variants:hover, #page .pick:hover')
  document.addEventListener('htmx:beforeSwap', (e) => {
    const mine = e.detail.requestConfig?.elt?.id === 'again'
    const status = e.detail.xhr?.status
    if (mine && status === 401) return location.reload()
    if (mine && status === 200 && (aimed() || busy())) {
      e.detail.shouldSwap = false
      renew(e.detail.xhr.responseText)
      if (aimed()) setTimeout(again, aim)
    } else if (status < 400) {
      tops = mine ? topsOf() : null
    } else if (status >= 400) {
      e.detail.shouldSwap = false
      if (!mine) flash(e.detail.xhr.responseText.trim(), true)
    }
  })
  for (const lost of ['htmx:sendError', 'htmx:timeout']) { // a connection that died in its sleep: the next try gets another
    document.addEventListener(lost, (e) => { if (e.target.id === 'again' && source?.readyState === 1) setTimeout(again, 1000) })
  }

  // A row that was acted on stays where it is for ten seconds, with what became of it: what is under the pointer is never
  // another row all of a sudden.

  const stay = 10000
  let undoable = [] // the newest last
  const timers = new WeakMap()
  const hold = (el) => {
    const focused = el !== document.activeElement && el.contains(document.activeElement)
    clear(el)
    const fate = fateOf(el)
    el.classList.add('acted')
    if (focused) fate.focus({ preventScroll: true })
  }
  const fateOf = (el) => { // where a row says what became of it
    const there = $('.fate', el)
    if (there) return there
    $$('input:checked', el).forEach((box) => { box.checked = false })
    const fate = parse('<span class="fate" tabindex="-1"></span>').firstElementChild
    $('.acts', el).append(fate)
    return fate
  }
  const clear = (el) => {
    clearTimeout(timers.get(el))
    $('.fate', el)?.remove()
    delete el.dataset.over
    el.classList.remove('acted', 'gone')
  }
  const tellFate = (el, words, undo) => {
    const fate = $('.fate', el)
    fate.textContent = words.split(' ')[0] + ' '
    if (undo) fate.append(undoButton(el, undo))
    timers.set(el, setTimeout(() => { el.dataset.over = ''; again() }, stay)) // what came of it is on the page that comes
  }
  const release = (el) => { // nothing came of it
    const focused = el.contains(document.activeElement)
    clear(el)
    if (focused) $('button:not([disabled]), a', el)?.focus()
    again()
  }

  // The stream. htmx keeps it open, and tries again while the server is away.

  let source = null
  let heard = 0
  let opened = false
  if (window.htmx) {
    window.htmx.createEventSource = (url) => {
      source?.close()
      source = new EventSource(url)
      heard = Date.now()
      for (const name of ['beat', 'summary']) source.addEventListener(name, () => { heard = Date.now() })
      return source
    }
  }
  const says = (word) => {
    const el = $('#live')
    if (el && el.textContent !== word) el.textContent = word
    el?.classList.toggle('on', word === say('live'))
  }
  document.addEventListener('htmx:sseOpen', () => {
    heard = Date.now()
    says(say('live'))
    if (opened) again()
    opened = true
  })
  document.addEventListener('htmx:sseError', () => says(say('lost')))
  // A computer that slept holds a stream that is dead and doesn't know it; a page that nobody looks at needs none.
  const restart = () => {
    const el = $('#stream')
    if (!el || !window.htmx) return
    source?.close()
    source = null
    const twin = el.cloneNode(true)
    el.replaceWith(twin)
    window.htmx.process(twin)
  }
  setInterval(() => { // a stream that was refused is closed, and htmx would wait longer each time
    if (!source || document.hidden) return
    const silent = Date.now() - heard
    if (source.readyState === 2 || silent > 25000 || (source.readyState === 0 && silent > 8000)) restart()
  }, 5000)
  window.addEventListener('online', () => { if (source) restart() })
  let hiding = null
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => { source?.close(); source = null }, 30000)
    } else if (opened && (!source || Date.now() - heard > 12000)) {
      restart()
    }
  })

  // A page that is kept for the way back would keep its stream, and a browser has six for all pages of a server.
  window.addEventListener('pagehide', () => { source?.close(); source = null })
  window.addEventListener('pageshow', (e) => { if (e.persisted) restart() })

  // Buttons.

  const post = async (form, button) => { // of a file its name
    const body = new URLSearchParams([...new FormData(form, button)].map(([name, value]) => [name, value.name ?? value]))
    button?.setAttribute('aria-busy', 'true')
    try {
      const answer = await fetch(button?.getAttribute('formaction') || form.getAttribute('action'), { method: 'POST', body, headers: { 'X-Fromcache-Live': '1' } })
      if (answer.status === 401) location.reload()
      return [answer, (await answer.text()).trim()]
    } finally {
      button?.removeAttribute('aria-busy')
    }
  }
  const undoButton = (el, undo) => { // of what was done to a row, or to several where el is null
    const [to, fields] = undo.split('?')
    const button = parse('<button type="button" class="quiet undo"></button>').firstElementChild
    button.textContent = say('undo')
    const back = () => {
      undoable = undoable.filter((other) => other !== back)
      act(el, to, new URLSearchParams(fields))
    }
    button.addEventListener('click', back)
    undoable.push(back)
    setTimeout(() => { undoable = undoable.filter((other) => other !== back) }, stay + 100) // not before its row leaves
    return button
  }
  const act = async (el, to, body) => { // by the undo of what was acted on
    if (el) hold(el)
    const answer = await fetch(to, { method: 'POST', body, headers: { 'X-Fromcache-Live': '1' } }).catch(() => null)
    const words = answer ? (await answer.text()).trim() : say('silent')
    const more = answer?.headers.get('X-Fromcache-Undo')
    flash(words, !answer?.ok, el ? null : more)
    if (!el) again()
    else answer?.ok && to !== 'admin/undo' ? tellFate(el, words, more) : release(el) // undone, it is as it was
  }
  const send = async (form, button) => {
    const of = form.getAttribute('id') // form.id is what a button named id makes it
    const asks = ['ask', 'digests'].includes(button?.dataset.verb) // it changes nothing
    const el = of === 'act' && !asks ? button?.closest('#page .row') : null
    if (el && (acted(el) || gone(el))) return
    if (el) hold(el)
    try {
      const [answer, words] = await post(form, button)
      flash(words, !answer.ok, el ? null : answer.headers.get('X-Fromcache-Undo'))
      if (el) answer.ok ? tellFate(el, words, answer.headers.get('X-Fromcache-Undo')) : release(el)
      if (answer.ok && form.dataset.clear !== undefined) form.reset()
      if (answer.ok && of === 'bulk' && !asks) $$('input[type=checkbox]').forEach((box) => { box.checked = false })
      again()
    } catch {
      flash(say('silent'), true)
      if (el) release(el)
    }
  }

  // The second click of a double click is for nothing: by then another thing may be under the pointer.
  document.addEventListener('click', (e) => {
    const button = e.target.closest?.('button[formaction], .undo')
    const under = e.detail === 1 && button?.closest('#page .row') && Date.now() - slid < settling
    if (!button || !under && e.detail < 2) return
    e.preventDefault()
    e.stopImmediatePropagation()
  }, true)

  // What no button takes back is asked about once.
  const sure = (button, form) => new Promise((done) => {
    const box = parse('<dialog id="ask" aria-labelledby="question"><p id="question"></p><form method="dialog"><button value="yes" class="warn"></button> <button value="" class="quiet" autofocus></button></form></dialog>').firstElementChild
    $('.quiet', box).textContent = say('no')
    $('p', box).textContent = button.dataset.ask.replace('{}', form.elements.key?.value)
    $('button', box).textContent = button.textContent
    box.addEventListener('close', () => { box.remove(); done(box.returnValue === 'yes') })
    document.body.append(box)
    box.showModal()
  })

  document.addEventListener('submit', async (e) => {
    const form = e.target
    const button = e.submitter
    if (form.dataset.upload !== undefined) {
      e.preventDefault()
      upload(form)
    } else if (form.dataset.act !== undefined) {
      e.preventDefault()
      if (!button?.dataset.ask || await sure(button, form)) send(form, button)
    }
  })

  const upload = (form) => {
    const data = new FormData()
    data.append('url', form.elements.url.value)
    data.append('sha256', form.elements.sha256.value)
    for (const box of $$('[name=accept]:checked', form)) data.append('accept', box.value)
    data.append('size', String(form.elements.file.files[0].size))
    data.append('file', form.elements.file.files[0])
    const bar = $('progress', form)
    const button = $('button', form)
    const request = new XMLHttpRequest()
    request.upload.onprogress = (e) => { if (e.lengthComputable) bar.value = e.loaded * 100 / e.total }
    request.onloadend = () => {
      bar.hidden = true
      button.disabled = false
      flash(request.responseText.trim() || say('broke'), request.status !== 200)
      if (request.status === 200) form.reset()
    }
    bar.value = 0
    bar.hidden = false
    button.disabled = true
    request.open('POST', form.getAttribute('action'))
    request.setRequestHeader('X-Fromcache-Live', '1')
    request.send(data)
  }

  // The clipboard's own call needs https, and leave; the old way needs neither, but takes the focus.
  const copy = async (words) => {
    if (navigator.clipboard && window.isSecureContext) {
      const done = await navigator.clipboard.writeText(words).then(() => true, () => false)
      if (done) return true
    }
    const had = document.activeElement
    const area = document.createElement('textarea')
    area.value = words
    area.className = 'hidden'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    had?.focus()
    return done
  }
  document.addEventListener('click', async (e) => {
    const button = e.target.closest?.('.copy')
    if (!button) return
    button.textContent = await copy(button.previousElementSibling.textContent) ? say('copied') : say('select')
    setTimeout(() => { button.textContent = say('copy') }, 1500)
  })
  // A menu is shut by a press outside, by Escape and by what is pressed in it.
  const shut = (but) => $$('details.menu[open]').forEach((menu) => { if (menu !== but) menu.open = false })
  document.addEventListener('click', (e) => {
    if (e.target.closest?.('#show-keys')) keys['?']()
    if (e.target.id === 'hide-keys') $('#keys').close()
    const menu = e.target.closest?.('details.menu')
    shut(e.target.closest?.('.menu button[formaction]') ? null : menu)
  })
  document.addEventListener('keydown', (e) => {
    const menu = e.key === 'Escape' && (document.activeElement.closest('details.menu[open]') || $('details.menu[open]'))
    if (!menu) return
    menu.open = false
    $('summary', menu).focus()
  })
  // The keyboard. One key does one thing, unless somebody writes, or has turned keys off.

  const keysOff = () => localStorage.getItem('fromcache-keys') === 'off'
  const rows = () => $$('#page .row').filter((row) => row.offsetParent && !acted(row) && !gone(row))
  const current = () => document.activeElement.closest('#page .row')
  const go = (row) => {
    if (!row) return
    row.focus({ preventScroll: true })
    row.scrollIntoView({ block: 'nearest' })
  }
  const step = (by) => {
    const all = $$('#page .row').filter((row) => row.offsetParent)
    const live = new Set(rows())
    let i = all.indexOf(current())
    do { i += by } while (all[i] && !live.has(all[i]))
    go(all[i < -1 ? 0 : i])
  }
  const doVerb = (verb) => {
    const row = current()
    const button = row && !acted(row) && !gone(row) && $(`.acts button[data-verb="${verb}"]`, row)
    if (!button) return row && $('.several', row) && verb === 'approve' && ($('.several', row).open = true)
    step(1)
    if (current() === row) step(-1)
    button.click()
  }
  const keys = {
    j: () => step(1), k: () => step(-1),
    a: () => doVerb('approve'), d: () => doVerb('dismiss'), x: () => doVerb('deny'), o: () => doVerb('ask'),
    r: () => doVerb('retry'), c: () => doVerb('cancel'),
    u: () => undoable.at(-1)?.(),
    '/': () => { for (const what of ['focus', 'select']) $('.find input')?.[what]() },
    '?': () => { $('#keys').showModal(); $('#keys-on').checked = !keysOff() },
  }
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented || e.repeat && !'jk'.includes(e.key)) return
    if (e.target.closest('input:not([type="checkbox"]), textarea, select, dialog') || $('dialog[open]')) return
    if (!Object.hasOwn(keys, e.key) || keysOff() && e.key !== '?') return
    e.preventDefault()
    keys[e.key]()
  })
  document.addEventListener('change', (e) => {
    if (e.target.id === 'keys-on') localStorage.setItem('fromcache-keys', e.target.checked ? 'on' : 'off')
    if (e.target.dataset?.all) $$(`#page input[name="${e.target.dataset.all}"]`).forEach((box) => { box.checked = e.target.checked })
  })
})()
