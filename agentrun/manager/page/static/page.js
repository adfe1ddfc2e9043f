// Keeps a run's page as it would be if it were loaded anew. The manager sends the
// elements that each event adds or replaces; this puts them in their place.
'use strict';
(() => {
  const run = document.getElementById('run');
  if (!run || !run.dataset.events) return;
  const live = document.getElementById('live');
  const timeline = document.getElementById('timeline');
  const longest = 64 * 1024; // characters of a text that grows
  let last = Number(run.dataset.last);
  let source = null, failures = 0, timer = 0, over = false;

  const say = (text) => { if (live.textContent !== text) live.textContent = text; };

  const place = (element) => {
    const old = document.getElementById(element.id);
    if (!old) {
      timeline.append(element);
    } else if (element.hasAttribute('data-append')) {
      const text = old.querySelector('.text');
      if (text && text.textContent.length < longest) text.append(element.querySelector('.text').textContent);
    } else {
      const details = old.querySelector('details');
      if (details && old.id === 'changes') element.querySelector('details').open = details.open;
      if (!old.contains(document.activeElement)) return void old.replaceWith(element);
      old.replaceWith(element); // keep the reader's place when he stood in it
      const again = element.querySelector('summary, a');
      if (again) again.focus({preventScroll: true});
    }
  };

  const message = (e) => {
    const seq = Number(e.lastEventId);
    if (!(seq > last)) return;
    last = seq;
    failures = 0;
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 60;
    const body = new DOMParser().parseFromString(e.data, 'text/html').body;
    for (const element of [...body.children]) {
      place(element);
      if (element.dataset.say) {
        say(element.dataset.say);
        document.title = document.title.replace(/ · [^·]* · AgentRun$/, () => element.dataset.say.replace(/^State: /, ' · ') + ' · AgentRun');
      }
    }
    if (atEnd) scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'});
  };

  const stop = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  const start = () => {
    if (source || over || document.hidden) return;
    source = new EventSource(run.dataset.events + '?after=' + last);
    source.onopen = () => { if (!over && failures > 0) { failures = 0; say('The connection is back.'); } };
    source.onmessage = message;
    source.addEventListener('end', () => { over = true; stop(); });
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
      stop();
      failures++;
      if (failures === 2) say('The connection is lost; trying again. If that lasts, reload the page.');
      timer = setTimeout(start, Math.min(30000, 500 * 2 ** failures));
    };
  };

  say('This page follows the run.');
  document.addEventListener('visibilitychange', () => document.hidden ? stop() : start());
  start();
})();
