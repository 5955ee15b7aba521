"""The official clients of three protocols, unchanged, against the server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import httpx
import ollama
import openai
import pytest

from tests.workbench.server.conftest import Running

ASK = "Write def add(a: int, b: int) -> int. It returns a plus b."
TURN = [{"role": "user", "content": ASK}]


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0) as one:
        yield one


@pytest.fixture
def claude(running: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=running.url, api_key="any", max_retries=0) as one:
        yield one


@pytest.fixture
def llama(running: Running) -> Iterator[ollama.Client]:
    one = ollama.Client(host=running.url)
    yield one
    one._client.close()


def test_openai_chat_whole_and_streamed_say_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(
        model="student", messages=TURN, temperature=0, max_tokens=60
    )
    text = whole.choices[0].message.content
    assert text
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    stream = client.chat.completions.create(
        model="student",
        messages=TURN,
        temperature=0,
        max_completion_tokens=60,
        stream=True,
        stream_options={"include_usage": True},
        n=2,
    )
    parts, reasons, usage = {0: "", 1: ""}, [], None
    for chunk in stream:
        for choice in chunk.choices:
            parts[choice.index] += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
        usage = chunk.usage or usage
    assert parts == {0: text, 1: text}
    assert reasons == ["stop", "stop"]
    assert usage is not None
    assert usage.completion_tokens == 2 * whole.usage.completion_tokens


def test_openai_sampling_fields_are_honoured(client: openai.OpenAI) -> None:
    def drawn(**more: object) -> list[str]:
        made = client.completions.create(
            model="student", prompt="def add", max_tokens=12, **more  # type: ignore[call-overload]
        )  # fmt: skip
        return [choice.text for choice in made.choices]

    assert drawn(seed=3, temperature=1.5) == drawn(seed=3, temperature=1.5)
    first, second = drawn(seed=3, temperature=1.5, n=2)
    assert [first] == drawn(seed=3, temperature=1.5)
    assert [second] == drawn(seed=4, temperature=1.5)
    # temperature 0 is greedy, whatever the seed
    assert drawn(seed=1, temperature=0) == drawn(seed=2, temperature=0)
    cut = client.completions.create(model="student", prompt="def", max_tokens=3, temperature=0)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 3


def test_openai_lists_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["student"]
    assert client.models.retrieve("student").owned_by == "workbench"


def test_openai_errors_are_the_sdk_s_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'nope'"):
        client.chat.completions.create(model="nope", messages=TURN)
    with pytest.raises(openai.BadRequestError, match="cannot do tools"):
        client.chat.completions.create(
            model="student",
            messages=TURN,
            tools=[{"type": "function", "function": {"name": "f"}}],
        )
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    with pytest.raises(openai.BadRequestError, match="image_url"):
        client.chat.completions.create(
            model="student", messages=[{"role": "user", "content": [picture]}]
        )
    with pytest.raises(openai.BadRequestError, match="context ends at"):
        client.completions.create(model="student", prompt="word " * 9000)


def test_anthropic_messages_whole_and_streamed_say_the_same(claude: anthropic.Anthropic) -> None:
    greedy = {"temperature": 0}
    whole = claude.messages.create(model="student", max_tokens=60, messages=TURN, extra_body=greedy)
    assert whole.stop_reason == "end_turn"
    with claude.messages.stream(
        model="student", max_tokens=60, messages=TURN, extra_body=greedy
    ) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert last.usage.output_tokens == whole.usage.output_tokens
    with pytest.raises(anthropic.NotFoundError, match="no model 'nope'"):
        claude.messages.create(model="nope", max_tokens=5, messages=TURN)
    short = claude.messages.create(model="student", max_tokens=2, messages=TURN, system="Be brief.")
    assert short.stop_reason == "max_tokens"


def test_ollama_chat_generate_and_lists(llama: ollama.Client) -> None:
    assert llama.list().models[0].model == "student:latest"
    assert llama.show("student").modelinfo is not None
    assert llama.ps().models[0].name == "student:latest"
    options = {"temperature": 0, "num_predict": 60}
    whole = llama.chat(model="student", messages=TURN, options=options)
    streamed = list(llama.chat(model="student", messages=TURN, options=options, stream=True))
    assert whole.message.content
    assert "".join(part.message.content or "" for part in streamed) == whole.message.content
    assert (streamed[-1].done, streamed[-1].done_reason) == (True, "stop")
    assert streamed[-1].eval_count == whole.eval_count
    made = llama.generate(model="student:latest", prompt=ASK, options=options)
    assert made.response == whole.message.content
    with pytest.raises(ollama.ResponseError, match="not served here"):
        llama.pull("something")
    with pytest.raises(ollama.ResponseError, match="no model 'nope'"):
        llama.generate(model="nope", prompt="x")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/chat/completions", {"messages": TURN, "temperature": 9}, "temperature"),
        ("/v1/chat/completions", {"messages": TURN, "verify": True}, "without a contract"),
        ("/v1/chat/completions", {"messages": TURN, "contract": {}}, "nobody asked"),
        ("/v1/messages", {"messages": TURN}, "max_tokens"),
        ("/v1/messages", {"messages": TURN, "max_tokens": 5, "top_k": 3}, "top_k"),
        ("/api/chat", {"model": "student", "messages": TURN, "format": "json"}, "format"),
        ("/generate", {"prompt": "x", "maxtokens": 5}, "maxtokens"),
        ("/nowhere", {}, "Not Found"),
    ],
)
def test_a_bad_request_is_one_sentence(
    running: Running, path: str, body: object, says: str
) -> None:
    answer = running.post(path, body)
    assert 400 <= answer.status_code < 500
    assert says in answer.text
    assert "Traceback" not in answer.text


def test_rubbish_is_refused(running: Running) -> None:
    headers = {"content-type": "application/json"}
    url = f"{running.url}/v1/completions"
    for rubbish in (b"", b"{", b"\xff\xfe", b"[]", b'{"prompt": NaN}', b'{"prompt": "\\ud800"}'):
        answer = httpx.post(url, content=rubbish, headers=headers, timeout=30)
        assert 400 <= answer.status_code < 500, rubbish
        json.loads(answer.text)
