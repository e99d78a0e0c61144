"""Twenty-two promptfoo configurations, written afresh after the kinds of examples its documentation shows.

Each says what has no equal (a text of each remark, in order) and, for each case that is left, an answer that
passes and one that fails. `BASE` in a configuration stands for the address of a scripted server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Example:
    config: str
    files: Mapping[str, str] = field(default_factory=dict)
    answers: Sequence[tuple[Any, Any]] = ()
    no_equal: Sequence[str] = ()
    differs: Sequence[str] = ()
    graders: Sequence[Any] = ()
    arms: Sequence[str] = ()
    is_live: bool = False


def calls(name: str, arguments: str) -> dict[str, Any]:
    """A recorded answer that is one tool call."""
    return {"output": None, "tool_calls": [{"id": "c1", "name": name, "arguments": arguments}]}


WEATHER = """[{"type": "function", "function": {"name": "get_weather", "description": "Weather",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
  "required": ["city", "unit"]}}}]"""

EXAMPLES: dict[str, Example] = {
    "getting-started": Example(
        config="""
            # No assertion at all, as in the first example of the documentation.
            description: tweets
            prompts: ['Write a tweet about {{topic}}', 'Write a short, funny tweet about {{topic}}']
            providers: [openai:gpt-4o-mini, 'anthropic:messages:claude-3-5-haiku-latest']
            tests:
              - vars: {topic: bananas}
              - vars: {topic: avocado toast}
        """,
        answers=[
            ("Bananas!", "I'm sorry, but I can't help with that."),
            ("Toast!", "I cannot assist with that."),
        ],
        no_equal=["--ftgate-use-model anthropic/claude-3-5-haiku-latest"],
        graders=["not-is-refusal"],
        arms=["prompt_2"],
    ),
    "string-checks": Example(
        config="""
            prompts: ['Translate to {{language}}: {{input}}']
            providers:
              - id: openai:chat:gpt-4o-mini
                config: {temperature: 0, max_tokens: 128, apiKey: '{{env.OPENAI_KEY}}'}
            defaultTest:
              assert: [{type: not-contains, value: 'AI language model'}]
            tests:
              - description: French greeting
                vars: {language: French, input: Hello}
                assert:
                  - {type: icontains-any, value: [bonjour, salut]}
                  - {type: starts-with, value: B}
              - vars: {language: German, input: 'yes'}
                assert:
                  - {type: contains-all, value: 'Ja, !'}
                  - {type: equals, value: Ja!}
              - vars: {language: Spanish, input: Good}
                assert:
                  - {type: contains-any, value: '"Bueno, bien", Bien'}
                  - {type: regex, value: '^[A-Z]\\w+$'}
                  - {type: not-icontains, value: good}
        """,
        answers=[("Bonjour", "bonjour"), ("Ja!", "Ja"), ("Bien", "bien")],
        graders=[{"not-contains": "AI language model"}],
    ),
    "json-output": Example(
        config="""
            prompts: ['Give {{item}} as JSON with color and a list of countries']
            providers: [ollama:chat:llama3]
            tests:
              - vars: {item: banana}
                assert:
                  - type: is-json
                    value:
                      required: [color, countries]
                      type: object
                      properties: {color: {type: string}, countries: {type: array, items: {type: string}}}
                  - {type: contains, transform: 'JSON.parse(output).color', value: yellow}
              - vars: {item: kiwi}
                assert:
                  - {type: contains-json, value: 'file://kiwi.schema.json'}
                  - {type: javascript, value: 'JSON.parse(output).color === "green"'}
              - vars: {item: plum}
                assert:
                  - type: is-json
                    value: |
                      type: object
                      required: [color]
        """,
        files={"kiwi.schema.json": '{"type": "object", "required": ["color"]}'},
        answers=[
            ('{"color": "y", "countries": ["EC"]}', '{"color": "y"}'),
            ('Here: {"color": "green"}', "green"),
            ('{"color": 1}', "{color: 1}"),
        ],
        no_equal=["contains on a transformed output (JSON.parse(output).color)", "javascript: code"],
    ),
    "simple-csv": Example(
        config="""
            prompts: file://prompt.txt
            providers: [mistral:mistral-small-latest]
            tests: tests.csv
        """,
        files={
            "prompt.txt": "What is the capital of {{country}}?\n",
            "tests.csv": (
                "country,__expected,__expected2,__description,__metadata:continent\n"
                'France,contains: Paris,"not-contains-any: Lyon, Nice",paris,Europe\n'
                "Japan,Tokyo,,,Asia\n"
                "Peru,levenshtein(2): Lima,regex: ^L,,South America\n"
                "Chile,fn:output.length < 10,icontains: santiago,,\n"
            ),
        },
        answers=[("Paris", "Paris, not Lyon"), ("Tokyo", "Kyoto"), ("Limo", "Mali"), ("SANTIAGO", "Lima")],
        no_equal=["javascript: code"],
    ),
    "lists-of-vars": Example(
        config="""
            prompts: ['{{greeting}} in {{language}}, please', 'Say {{greeting}} ({{language}})']
            providers: [{id: 'azure:chat:my-deployment', label: azure, config: {apiHost: 'x.openai.azure.com'}}]
            tests:
              - vars: {language: [French, German], greeting: [Hello, Bye]}
                assert: [{type: icontains, value: '{{language}}:'}]
        """,
        answers=[
            (f"{a}: ok", f"{b}: ok") for a, b in [("french", "german")] * 2 + [("GERMAN", "french")] * 2
        ],
        graders=[{"icontains": "{{language}}:"}],
        arms=["prompt_2"],
    ),
    "tools": Example(
        config="""
            prompts: ['What is the weather like in {{city}}?']
            providers:
              - id: openai:chat:gpt-4o-mini
                config: {tools: 'file://tools.json', tool_choice: auto}
            tests:
              - vars: {city: Boston}
                assert:
                  - {type: is-valid-openai-tools-call}
                  - {type: javascript, value: 'output[0].function.name === "get_weather"'}
              - vars: {city: Oslo}
                assert: [{type: tool-call-f1, value: get_weather, threshold: 1}]
        """,
        files={"tools.json": WEATHER},
        answers=[
            (
                calls("get_weather", '{"city": "Boston", "unit": "c"}'),
                calls("get_weather", '{"city": "Boston"}'),
            ),
            (calls("get_weather", "{}"), {"output": "It is sunny."}),
        ],
        no_equal=["javascript: code"],
    ),
    "functions": Example(
        config="""
            prompts: ['Book {{what}}']
            providers:
              - openai:gpt-4o:
                  config:
                    functions:
                      - name: book
                        parameters: {type: object, properties: {what: {type: string}}, required: [what]}
                    function_call: auto
            tests:
              - vars: {what: a table}
                assert: [{type: is-valid-openai-function-call}]
        """,
        answers=[(calls("book", '{"what": "a table"}'), calls("book", '{"what": 5}'))],
        no_equal=["no such param is known"],
        graders=["is-valid-function-call"],
    ),
    "chat-history": Example(
        config="""
            prompts: [file://chat.json, file://second.yaml]
            providers: [{id: 'google:gemini-2.0-flash', config: {generationConfig: {maxOutputTokens: 50, topP: 0.9}}}]
            defaultTest: {vars: {system_message: Answer concisely}}
            tests:
              - vars: {question: Did he found any other companies?}
                assert: [{type: icontains, value: spacex}]
        """,
        files={
            "chat.json": '[{"role": "system", "content": "{{system_message}}"},'
            ' {"role": "user", "content": "Who founded Tesla?"}, {"role": "assistant", "content": "Elon Musk"},'
            ' {"role": "user", "content": "{{question}}"}]',
            "second.yaml": "- role: user\n  content: '{{ question }}'\n",
        },
        answers=[("SpaceX, and more", "None")],
        graders=["icontains"],
        arms=["second"],
    ),
    "structured-output": Example(
        config="""
            prompts: ['Analyze the query: {{ query | dump }}']
            providers:
              - id: openai:chat:gpt-4o
                config: {response_format: 'file://format.yaml', inputCost: 0.0000025, outputCost: 0.00001}
            tests:
              - vars: {query: 'what is "love"'}
                assert:
                  - {type: is-json}
                  - {type: cost, threshold: 0.01}
                  - {type: latency, threshold: 3000}
        """,
        files={
            "format.yaml": "type: json_schema\njson_schema:\n  name: q\n  strict: true\n  schema: {type: object, "
            "properties: {topic: {type: string}}, required: [topic], additionalProperties: false}\n"
        },
        answers=[
            (
                {"output": '{"topic": "love"}', "cost_usd": 0.001, "latency_s": 1.0},
                {"output": '{"topic": "love"}', "cost_usd": 0.001, "latency_s": 9.0},
            )
        ],
        differs=["response_format is the arm `structured`"],
        arms=["structured"],
    ),
    "llm-rubric": Example(
        config="""
            prompts: ['Reply to: {{message}}']
            providers: [{id: 'openai:chat:scripted', config: {apiBaseUrl: BASE}}]
            defaultTest:
              options: {provider: {id: 'openai:chat:judge', config: {apiBaseUrl: BASE}}}
              assert: [{type: llm-rubric, value: 'The reply to {{message}} says yes', threshold: 0.5}]
            tests:
              - vars: {message: 'good'}
                assert: [{type: g-eval, value: ['It says yes', 'It is polite']}]
              - vars: {message: 'fine'}
                assert:
                  - {type: model-graded-closedqa, value: It says yes}
                  - {type: factuality, value: It says yes}
        """,
        answers=[("yes", "no"), ("yes", "no")],
        no_equal=["factuality: an `llm-rubric`"],
        differs=["g-eval", "model-graded-closedqa"],
        is_live=True,
    ),
    "similarity": Example(
        config="""
            prompts: ['Say it: {{text}}']
            providers: [{id: 'openai:chat:scripted', config: {apiBaseUrl: BASE}}]
            defaultTest:
              options: {provider: {embedding: {id: 'openai:embedding:embedder', config: {apiBaseUrl: BASE}}}}
            tests:
              - {vars: {text: good}, assert: [{type: similar, value: 'yes', threshold: 0.8}]}
              - {vars: {text: fine}, assert: [{type: similar, value: 'yes', threshold: 0.8}]}
        """,
        answers=[("yes", "no"), ("yes", "no")],
        graders=[{"similar": {"threshold": 0.8}}],
        is_live=True,
    ),
    "rag": Example(
        config="""
            prompts: ["Respond with the documents alone: {{context}}\\n\\nQuestion: {{query}}"]
            providers: [bedrock:anthropic.claude-3-haiku-20240307-v1:0]
            tests:
              - vars: {query: What is the limit?, context: 'file://docs/limit.md'}
                assert:
                  - {type: contains, value: '500'}
                  - {type: context-recall, threshold: 0.9, value: limit of 500}
                  - {type: context-relevance, threshold: 0.9}
                  - {type: context-faithfulness, threshold: 0.9}
                  - {type: answer-relevance, threshold: 0.9}
        """,
        files={"docs/limit.md": "The limit is $500.\n"},
        answers=[("It is 500", "No idea")],
        no_equal=["context-recall", "context-relevance", "context-faithfulness", "answer-relevance"],
        graders=["contains"],
    ),
    "sets-and-weights": Example(
        config="""
            prompts: ['Name a {{thing}}']
            providers: [groq:llama-3.1-8b-instant]
            tests:
              - vars: {thing: fruit}
                threshold: 0.5
                assert:
                  - type: assert-set
                    assert: [{type: icontains, value: apple, weight: 2}, {type: not-contains, value: '!'}]
                  - type: assert-set
                    threshold: 0.5
                    assert: [{type: contains, value: a}, {type: contains, value: b}]
                  - {type: equals, value: Apple, weight: 0}
                  - {type: icontains, value: APPLE, metric: fruit, transform: output.trim()}
        """,
        answers=[("an apple", "an apple!")],
        no_equal=["assert-set with threshold 0.5", "weight 0"],
        differs=["score of 0.5", "weight 2"],
    ),
    "scenarios": Example(
        config="""
            prompts: ['Language of "{{text}}"? Answer with its name.']
            providers: [openrouter:meta-llama/llama-3.1-8b-instruct]
            scenarios:
              - config:
                  - vars: {expected: Spanish, text: hola}
                  - vars: {expected: French, text: bonjour}
                tests:
                  - assert: [{type: equals, value: '{{expected}}'}]
        """,
        answers=[("Spanish", "French"), ("French", "Spanish")],
        graders=["equals"],
    ),
    "refusals": Example(
        config="""
            prompts: ['{{ask}}']
            targets: ['openai:o1-mini']
            tests:
              - {vars: {ask: How to pick a lock?}, assert: [{type: is-refusal}]}
              - {vars: {ask: How to bake bread?}, assert: [{type: not-is-refusal}, {type: word-count, value: {max: 3}}]}
              - vars: {ask: Say hi}
                assert:
                  - {type: moderation}
                  - {type: guardrails}
                  - {type: classifier, provider: 'huggingface:text-classification:x', value: nothate}
        """,
        answers=[("I cannot help with that.", "Use a pick."), ("Mix and bake", "I can't help with that.")],
        no_equal=["moderation", "guardrails", "classifier", "nothing that is left grades it"],
    ),
    "text-metrics": Example(
        config="""
            prompts: ['Summarize: {{article}}']
            providers: [cohere:command-r]
            tests:
              - vars: {article: The cat sat on the mat.}
                assert:
                  - {type: rouge-n, value: the cat sat, threshold: 0.6}
                  - {type: levenshtein, value: the cat sat, threshold: 6}
                  - {type: bleu, value: the cat sat}
                  - {type: perplexity, threshold: 1.5}
                  - {type: 'similar:euclidean', value: the cat sat}
        """,
        answers=[("the cat sat", "a dog ran away")],
        no_equal=["bleu", "perplexity: log", "similar:euclidean: only the cosine"],
    ),
    "many-files": Example(
        config="""
            prompts: ['prompts/*.txt']
            providers: ['file://providers/fast.yaml']
            defaultTest: file://defaults.yaml
            tests: ['tests/*.yaml', 'file://more.jsonl', 'file://more.json', 'file://make_tests.py:create']
        """,
        files={
            "prompts/a.txt": "Rhyme with {{word}}\n---\nA rhyme for {{word}}:",
            "prompts/b.txt": "{{word}} rhymes with",
            "providers/fast.yaml": "id: deepseek:deepseek-chat\nconfig: {temperature: 0.5}\n",
            "defaults.yaml": "assert: [{type: regex, value: '(?i)^[a-z ]+$'}]\nmetadata: {kind: rhyme}\n",
            "tests/1.yaml": "- vars: {word: cat}\n- vars: {word: dog}\n",
            "more.jsonl": '{"vars": {"word": "sun"}, "assert": [{"type": "contains", "value": "un"}]}\n',
            "more.json": '[{"vars": {"word": "star"}}]',
        },
        answers=[("hat", "h4t"), ("log", "1"), ("fun", "fan"), ("car", "c.")],
        no_equal=["code that makes tests is not run"],
        graders=[{"regex": "(?i)^[a-z ]+$"}],
        arms=["a", "b"],
    ),
    "own-application": Example(
        config="""
            prompts: ['{{question}}', 'file://prompt.py', 'exec: ./prompt.sh']
            providers: ['file://app.py', 'exec: ./app.sh', 'https://example.com/api', 'openai:assistant']
            tests:
              - vars: {question: '2+2?'}
                assert: [{type: python, value: 'file://check.py'}, {type: contains, value: '4'}]
              - vars: {question: '3+3?'}
                assert: [{type: webhook, value: 'https://example.com/check'}, {type: contains, value: '6'}]
        """,
        answers=[("4", "5"), ("6", "7")],
        no_equal=[
            "prompt.py: code",
            "exec: ./prompt.sh",
            "'file://app.py' is no model",
            "'exec: ./app.sh' is no model",
            "'https://example.com/api' is no model",
            "'openai:assistant' is no model",
            "python with file://check.py",
            "webhook: code",
        ],
        graders=["contains"],
    ),
    "assertion-templates": Example(
        config="""
            assertionTemplates:
              upper: {type: regex, value: '^[A-Z]'}
            evaluateOptions: {repeat: 2, maxConcurrency: 4}
            env: {X: y}
            outputPath: out.html
            prompts:
              - label: polite
                raw: "{% if tone === 'formal' %}Dear {{name}}{% else %}Hi {{name}}{% endif %}, {{ extra }} ({{id}})"
            providers: [xai:grok-2]
            tests:
              - vars: {name: Ann, tone: formal, id: 7}
                metadata: {team: [a, b], level: 1}
                assert: [{$ref: '#/assertionTemplates/upper'}]
              - vars: {name: Bob}
                options: {transform: 'output.toLowerCase()'}
                assert: [{type: equals, value: bob}, {$ref: '#/assertionTemplates/upper', transform: 'output.slice(1)'}]
        """,
        answers=[("Ann", "ann"), ("BOB", "Bo")],
        no_equal=["env: the environment", "--ftgate-report", "regex on a transformed output"],
    ),
    "prefix-and-suffix": Example(
        config="""
            prompts: ['{{q}}']
            providers: ['litellm:together_ai/x/y']
            defaultTest:
              options: {prefix: 'Answer briefly. ', suffix: ' Thanks.', rubricPrompt: ignored}
              assert: [{type: finish-reason, value: stop}, {type: select-best, value: the best}, {type: contains, value: .}]
            tests: [{vars: {q: one}, provider: 'openai:gpt-4o'}, {vars: {q: two}, prompts: [x]}]
        """,
        answers=[("a.", "a"), ("b.", "b")],
        no_equal=["asked of the same candidate", "every arm is tried", "finish-reason", "select-best"],
        graders=[{"contains": "."}],
    ),
    "languages": Example(
        config="""
            prompts: ['Write {{what}}']
            providers: [perplexity:sonar]
            tests:
              - vars: {what: SQL}
                assert: [{type: is-sql}, {type: contains-sql}, {type: icontains, value: select}]
              - vars: {what: HTML}
                assert: [{type: is-html}, {type: contains-html}, {type: contains, value: <p>}]
              - vars: {what: XML}
                assert: [{type: is-xml}, {type: contains-xml}, {type: is-yaml}, {type: contains, value: '{{}}'}]
        """,
        answers=[("select 1", "none"), ("<p>", "p")],
        no_equal=[
            "is-sql",
            "contains-sql",
            "is-html",
            "contains-html",
            "is-xml",
            "contains-xml",
            "is-yaml: no assertion type that is known",
            "contains: not a valid template",
            "left out",
        ],
    ),
}

NOTHING_LEFT = """
prompts: ['{{query}}']
providers: [openai:gpt-4o]
redteam: {purpose: bank, plugins: [harmful]}
tests: [{vars: {query: x}, assert: [{type: javascript, value: 'true'}, {type: pi, value: good}]}]
"""
