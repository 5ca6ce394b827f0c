"""Ask once through a proxy: asks.py requests|requests-socks|httpx URL PROXY CA"""

import sys

library, url, proxy, ca = sys.argv[1:]
if library.startswith("requests"):
    import requests

    answer = requests.get(url, proxies={"https": proxy}, verify=ca, timeout=20)
else:
    import ssl

    import httpx

    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(http2=True, proxy=proxy, verify=context, timeout=20) as client:
        answer = client.get(url)
print(answer.status_code, answer.text)
