import pytest, time
from tests.browser.bench import Bench
from fixtures.aliexpress.seed import ORDERS
from agent.browser.walk import WalkOptions
from agent.settings import Patience
from datetime import timedelta
NAMES = [n for n in ORDERS if not n.startswith(("old_","placed_","checkout","refuses","silent","ships"))]
@pytest.mark.parametrize("name", NAMES)
async def test_one(bench: Bench, name: str) -> None:
    bench.options = WalkOptions(patience=Patience(page=timedelta(seconds=4), action=timedelta(seconds=3)), pictures="off")
    t=time.time()
    try:
        r = repr(await bench.cancel(ORDERS[name]))
    except Exception as e:
        r = f"{type(e).__name__}: {e}"
    print(f"@@ {name}: {time.time()-t:.1f}s {r} submitted={bench.portal.submitted} stamps={bench.stamps.events}")
