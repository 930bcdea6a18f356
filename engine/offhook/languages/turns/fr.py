"""French."""

from __future__ import annotations

import re

from offhook.languages.turns.base import (
    Asking,
    Backchannels,
    Clauses,
    Endings,
    Numbers,
    Sentences,
    TurnLanguage,
    pattern,
    word_set,
)
from offhook.languages.turns.numbers import spoken_numbers, words_of

_DETERMINER = r"(?:le|la|les|un|une|mon|ma|mes|ton|ta|son|sa|ses|notre|nos|votre|vos|leur|ce|cette|ces)"
_SUBJECT = r"(?:je|j'|tu|il|elle|on|nous|vous|ils|elles|ça|qui|ce)"
_ADJECTIVE = (
    r"(?:petite?|grande?|nouveau|nouvel|nouvelle|premier|première|dernière?|prochaine?|autre|gros|grosse"
    r"|bon|bonne"
    r"|vieux|vieille|deuxième|même|certaine?|propre|ancien|ancienne|jeune|seule?|mauvaise?"
    r"|belle|beau)s?"
)
_ENDINGS = Endings(
    open=word_set(
        "envers malgré outre parmi hormis excepté suivant durant via lors voire soit quant face afin tandis"
        " pourvu quoique celui celle ceux celles lequel laquelle lesquels auquel duquel sommes étions"
        " tellement presque quasiment uniquement seulement avoir être "
        # articles, determiners, possessives
        "le la les un une des du au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce"
        " cet"
        " cette ces chaque quel quelle quels quelles quelque quelques plusieurs"
        # conjunctions
        " et ou mais car donc que qui dont où si comme quand lorsque puisque parce ni"
        # prepositions
        " à de en dans sur sous chez par pour avec sans vers entre jusqu' jusque dès pendant depuis selon"
        " sauf"
        " concernant hors"
        # subjects, clitics before their verb, verbs that want a complement
        " je j tu il ils on ne n me m te t se s est sont était étaient ai as ont avons avez avait avaient"
        " suis"
        " êtes serait seraient sera voudrais voudrait aimerais aimerait peux peut pouvez pourrais pourrait"
        " pourriez avais étais aurais serais allais devais voulais devrais auriez seriez vouliez aviez"
        " étiez aurait auraient pourraient viens vient peuvent doivent veulent allez devrait notamment"
        " vraiment surtout veux veut dois doit devez faut faudrait vais va vas"
        # fillers
        " euh ben bah hein très trop assez plutôt environ genre enfin"
    ),
    often_open=word_set(
        "elle elles nous vous y aussi lui d'abord encore pas plus juste même peu après avant"
        " contre derrière devant autour près loin majuscule minuscule autre certain petit petite"
        " voilà bonjour"
    ),
    open_end=re.compile(
        r"\b(?:et|mais|bon|donc) alors$|\best un peu$|\b(?:j'appelle|je m'appelle|je me demande|(?:m'a"
        r"|m'ont|a|ont|avait"
        r"|avez) dit|j'ai besoin|j'ai"
        r" envie|on m'a"
        r"|d'avoir|d'être|pour avoir|pour être|de faire|le problème c'est|il paraît)$|"
        # Adjectives that stand before their noun, and begin a longer phrase: "pour la prochaine".
        rf"\b(?:mon|ma|mes|votre|vos|notre|nos|un|une|du|au|aux|des|pour la|pour le|de la|à la|dans la|dans"
        rf" le|par la)"
        rf" {_ADJECTIVE}$"
        # A subject and a clitic, or a conjunction and a subject: "je vous", "est-ce que vous", "si elle".
        rf"|\b{_SUBJECT} (?:ne |n')?(?:vous|nous|lui|leur|y|en|me|te|se|les?|la|l')$"
        r"|\b(?:que|si|quand|lorsque|où|parce que|puisque|mais) (?:vous|nous|elle|elles|ça|chez vous"
        r"|hier|demain"
        r"|là|en fait|du coup)$"
        r"|\b(?:par exemple|c'est à dire|en fait|du coup|à savoir|plus ou moins|au moins|à peu près|au niveau"
        r"|par rapport|à propos|ça fait|c'est pour|de la part|au nom|grâce|en plus de|en face|il me faut|il"
        r" me faudrait)$"
        r"|\b(?:je suis|c'est|de|chez|avec|pour|à|du|le|au nom de) (?:monsieur|madame|docteur|maître)$"
        r"|\b(?:rue|avenue|boulevard|le numéro|au numéro)$"
        r"|\b(?:je|j'|on|nous|vous) ?(?:voulais|voudrais|aimerais|souhaiterais|voulions|peux|pourrais)"
        r" (?:vous )?"
        r"(?:savoir|demander|dire|vérifier|voir)$|"
        # A clause that has its subject, and no verb yet: "mais mon mari".
        rf"\b(?:que|mais|si|parce que|quand|où|comme|lorsque|et) {_DETERMINER} \w+$"
        r"|\best ce que$|\bc'est (?:à|un peu|ce)(?: dire)?(?: que)?$|\b(?:majuscule|minuscule)$|\bne (?:\w+"
        r" )?$"
        r"|\b(?:il y|y) a$|\bà cause$|\b(?:près|loin|autour|à côté|au lieu|à partir|afin|avant|en train) de?$"
        r"|\b(?:je|il|elle|on|nous|vous|ils|elles) (?:garde|prends|cherche|souhaite|préfère|préférerais"
        r"|demande|pensais|propose|téléphone|appelle|crois|pense"
        r"|dirais"
        r"|aurais|avais|étais)$|^(?:avez|pouvez|pourriez|êtes|auriez) vous$"
    ),
    often_open_end=re.compile(
        r"^(?:depuis que|quand|lorsque|dès que|comme|si|puisque) (?:je|tu|il|elle|on|nous|vous|ils|elles)"
        r"(?: \w+){1,4}$"
    ),
    elided=re.compile(r"^(?:qu|d|l|j|n|s|m|t|c|jusqu|lorsqu|puisqu|presqu)'"),
    closed_end=re.compile(
        r"\bpeut être$|\ben face$|\bd'en face$|\b(?:pour|de|d'y) être$|"
        # The question word stands where its answer will: "vous fermez quand".
        r"\b(?:vous|tu|on|c'est|il|elle|ça) (?:\w+ ){1,5}(?:quand|quoi|comment)$|\bou pas$|\brendez"
        r" vous$"
        r"|\bà la prochaine$|\bquoi donc$|"
        r"\b(?:chez|avec|pour|à|de|sans|par|entre|et|contre|c'est|après|avant|devant|derrière) (?:vous|nous"
        r"|elle|elles"
        r"|lui|ça|quoi|qui)$"
        r"|\b(?:ne |n'|j'|je |on |il |elle |c'est |ça |suis |peux |sais |faut |va |ai |pas|non|surtout"
        r"|toujours)\w*"
        r" (?:\w+ )?(?:pas|plus)$|\b(?:moi|toi|nous|lui|vous|pas|elle) (?:aussi|même|non plus|encore)$"
        r"|\b(?:un peu|non plus|en plus|pas encore|bien sûr|s'il vous plaît|d'accord|tout à fait|ça va"
        r"|comme ça"
        r"|quand même|tout de suite|l'autre|un autre|une autre|je crois|je pense|on y va|j'y vais|allez y"
        r"|c'est tout"
        r"|juste avant|juste après|d'avant|d'après|d'où|c'est où|c'est qui|c'est quand|c'est lequel|et"
        r" quand|et où"
        r"|depuis quand|par où|pour qui|à qui|avec qui|de rien|ça suffit|je vous en prie|la petite|le petit)$"
        r"|^(?:où|quand|comment|pardon|moi|elle|lui|nous|oui|non|bonjour|encore|déjà|après|avant|pas encore"
        r"|un|une"
        r"|aussi|voilà|plus tard|c'est qui|celui là|en avant|pourquoi pas|alors|la|les deux)$"
        r"|\b(?:combien|comment|quand|où|qui|quoi|pourquoi|qu'est ce que) (?:\w+[' ])*(?:vous|nous|elle|est"
        r"|sont|il"
        r"|c'est|avez|a|y|va|faut)$"
        r"|\b(?:quand|si|comme|ce que|dès que|que|où) (?:je|on|vous|il|elle) (?:peux|peut|veux|veut|pouvez"
        r"|voulez)$"
        r"|\b(?:laissez|dites|donnez|envoyez|rappelez|appelez|allez|aidez) (?:nous|y|lui)$|\bil y est$"
    ),
    reply=word_set(
        "oui ouais non si ok okay d'accord bien sûr exact exactement parfait voilà merci bonjour bonsoir"
        " salut au"
        " revoir pardon désolé aujourd'hui demain hier après lundi mardi mercredi jeudi vendredi samedi"
        " dimanche"
        " matin midi soir nuit semaine mois année s'il vous plaît beaucoup rien personne jamais aucun"
        " aucune tout"
        " tous les deux ni l'un l'autre à en le la prochain prochaine tout fait peut être c'est ça volontiers"
        " absolument certainement évidemment pas du encore toujours maintenant"
    ),
)

_TABLE = spoken_numbers(
    *("fr", "fr_BE", "fr_CH"),
    hundreds=(
        *("cent", "deux cent|deux cents", "trois cent|trois cents", "quatre cent|quatre cents"),
        *("cinq cent|cinq cents", "six cent|six cents", "sept cent|sept cents", "huit cent|huit cents"),
        "neuf cent|neuf cents",
    ),
    joint=" ",
    more={"quatre-vingt": "80", "octante": "80", "zero": "0"},
)
_COUNT = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze".split()  # noqa: SIM905
_NUMBERS = Numbers(
    counting={word: value for value, word in enumerate(_COUNT)} | {"seize": 16},
    phrases=_TABLE,
    times={"double": 2, "triple": 3},
    all=words_of(_TABLE) - {"et"} | {"mille", "double"},
    as_in=(("comme",), ("comme", "dans")),
    between=word_set("euh ben et puis tiret trait plus espace point slash alors ensuite"),
    openers=word_set("""
        oui ouais ok d'accord bien sûr alors euh ah oh bonjour c'est le la mon ma numéro téléphone portable
        mobile
        compte carte code pin mail e email adresse nom un moment instant seconde attendez voilà donc serait
        j'ai
        notez s'il vous plaît vous pouvez me joindre au sur et à de client référence
    """),
    named=re.compile(
        r"\b(?:numéro|téléphone|portable|mobile|pin|poste|référence|compte|carte|code|dossier|immatriculation"
        r"|(?:joindre|rappel\w+|appel\w+)(?: moi)? au)\b"
    ),
    refuses=word_set(
        "non pas aucun aucune jamais pourquoi comment qui quand où pardon quel quelle n'ai plus rien"
    ),
    heard_as={"une": "un", "cette": "sept", "set": "sept"},
    with_zero=(10, 10),
    without_zero=(9, 10),
    at=word_set("arobase arrobase"),
    dot=word_set("point"),
    dash=word_set("tiret"),
    underscore=word_set("souligné underscore"),
    mail_is=word_set("est c'est"),
)

_ASKING = Asking(
    spell=pattern(
        r"\bépel\w*|\bépeler\b|\blettre par lettre\b|\biban\b|\bimmatriculation\b|\bplaque\b(?=.*\?$)"
    ),
    so_many_digits=pattern(rf"\b(?P<n>\d{{1,2}}|{'|'.join(_COUNT)}|seize) chiffres\b"),
    card=pattern(r"\bnuméro de (?:votre |la |ta )?carte(?! (?:de fidélité|cadeau|de membre|vitale))\b"),
    number=pattern(
        r"\bnuméros?\b(?! de chambre\b)|\b(?:pin|chiffres|mobile|portable|téléphone|code(?: postal)?)\b"
        r"|\b(?:joindre|rappeler|appeler|contacter)\b.*\?$"
    ),
    email=pattern(r"\be-?\s?mail\b|\bmail\b|\bcourriel\b|\badresse électronique\b"),
    birth=pattern(r"\bdate de naissance\b|\b(?:êtes|es)[- ](?:vous|tu) née?\b|\bnée?\s?\?$"),
    again=pattern(
        r"\brépéter(?:,? s'il (?:vous|te) plaît)?\s?\?$|\b(?:le|me le) (?:redire|répéter)\b"
        r"|\bpas (?:bien |tout à fait )?(?:compris|entendu|saisi)\b|\bencore une fois\b"
    ),
    request=pattern(
        r"^(?:s'il vous plaît|maintenant|et)\b|\bs'il (?:vous|te) plaît\.?$"
        r"|\b(?:dites|donnez|indiquez|tapez|saisissez|composez|lisez|confirmez|épelez|communiquez|laissez"
        r"|dictez)\b"
        r"|\bil me (?:faut|faudrait)\b|\bj'ai(?:rais)? besoin d[eu']"
    ),
    ours=pattern(
        r"\b(?:notre|mon) (?:\w+ ){0,2}(?:numéro|code|téléphone|e-?mail|mail|portable)\b"
        r"|\b(?:voulez|souhaitez|préférez|désirez)[- ]vous\b|\bvous (?:voulez|souhaitez|préférez)\b"
        r"|^(?!.*\bquel(?:le)?s?\b).*\bje (?:vous )?(?:donne|envoie|peux vous)\b"
        r"|^(?:et |alors |donc )?(?:est-ce (?:que|bien)|c'est bien)\b"
    ),
    yes_no_question=pattern(
        r"(?:^|[.!?,;:]\s+|\b(?:et|alors|donc|ou)\s+)(?:est-ce qu|\w+-(?:vous|t-il|t-elle|il|elle|ce|on"
        r"|nous|je|tu)\b"
        r"|(?:vous|c'est|ça|je|on|il|elle|tu)\s)[^.!?]*\?$"
    ),
    tag=pattern(
        r",\s*(?:n'est-ce pas|c'est (?:ça|bien ça|exact|correct|juste)|non|oui|d'accord|exact|correct|hein"
        r"|ok|ça (?:va|vous va|vous convient)|pas vrai)\s*\?$"
    ),
    open_inside=pattern(
        r"\b(?:(?<!ce )que|quoi|quel(?:le)?s?|qui|quand|où|pourquoi|comment|combien|qu'est-ce)\b|\bou\b"
        r"|\baider\b"
        r"|\bautre chose\b"
    ),
    one_thing=pattern(
        r"\b(?:quel(?:le)?s?|qui|quand|où|combien|comment vous appelez)\b|\bou\b"
        r"|\bvotre (?:\w+ ){0,2}(?:nom|prénom|adresse|date de naissance|ville)\b"
    ),
    a_story=pattern(
        r"\b(?:aid\w+|passé|passe|problème|arriv\w+|autre|pourquoi|sujet|raison|question|décri\w+|expliqu\w+"
        r"|racont\w+|faire pour vous|souhaitez|voulez|désirez|besoin)\b"
    ),
    gives_time=pattern(
        r"\b(?:prenez (?:votre|tout votre|le) temps|rien ne presse|sans (?:vous )?presser|je (?:patiente"
        r"|vous attends"
        r"|reste en ligne|attends)|(?:quand|dès que) vous (?:êtes|serez) prête?)\b"
    ),
)

_YES_NO = (
    r"oui|ouais|non|si|ok|okay|d'accord|bien sûr|exact|exactement|parfait|voilà|tout à fait|c'est ça|merci"
    r"|c'est exact|non merci|oui merci|absolument|certainement|pas du tout|pas vraiment|volontiers|s'il"
    r" vous plaît"
    r"|je crois|je pense|évidemment|pourquoi pas|pas encore|bien entendu|surtout pas|c'est bien ça|mhm"
)
_GREETING = r"bonjour|bonsoir|salut|allô|allo|excusez moi|pardon|dites|écoutez"
_SENTENCES = Sentences(
    yes_no=re.compile(rf"(?:(?:{_YES_NO})(?: |$)){{1,3}}"),
    preface=re.compile(
        rf"(?:(?:{_GREETING}|ok|d'accord|alors|euh|ben|oui|non|madame|monsieur|et) )*"
        rf"(?:{_GREETING}|alors|euh|ben|madame|monsieur|j'(?:ai|aurais) (?:une|encore une|deux|quelques|une"
        rf" autre|une petite)"
        r" (?:\w+ )?questions?|(?:est ce que )?je (?:peux|pourrais|voudrais|voulais) (?:vous )?(?:poser une"
        r" question"
        r"|demander quelque chose)|(?:attendez|un (?:moment|instant)|une (?:petite )?(?:seconde|minute)"
        r"|voyons"
        r"|laissez moi (?:voir|réfléchir|regarder))"
        r"|(?P<name>(?:je m'appelle|mon nom est|je suis|ici|c'est (?:madame|monsieur)) \w+(?: \w+)?))"
    ),
    before_a_clause=word_set(
        "bonjour bonsoir salut allô oui ouais non ok d'accord alors et mais ou car euh ben bah pardon donc"
        " aussi merci"
        " madame monsieur voilà"
    ),
    statement_words=3,
    asking_first=word_set("que quoi quel quelle quels quelles qui quand où pourquoi comment combien qu'est"),
    asking=re.compile(
        r"\best[- ]ce qu|\bqu'est[- ]ce\b|\w+-(?:vous|t-il|t-elle|t-on|ils?|elles?|ce|nous|je|tu)\b"
        r"|\b(?:combien|comment|pourquoi|quand|quoi|où|quel(?:le)?s?)\s*$"
        r"|\b(?:c'est|vous|ça|on|il|elle) (?:\w+ ){0,4}(?:combien|comment|pourquoi|quand|quoi|où"
        r"|quel(?:le)?s?)\b"
        r"|^(?:(?:et|mais|alors|bonjour|pardon|euh)[, ]+)*(?:(?:à|de|pour|jusqu'à|depuis|avec|chez|en) )?"
        r"(?:quel(?:le)?s?|quand|où|combien|comment|pourquoi|qui|quoi|vous (?:avez|faites|êtes|pouvez"
        r"|pourriez|acceptez"
        r"|prenez|fermez|ouvrez|livrez|auriez))\b"
        r"|\b(?:savoir|demander|dire) (?:si|quel(?:le)?s?|quand|où|combien|comment|pourquoi|ce que|à"
        r" quelle)\b"
    ),
    leaning=re.compile(
        r"(?:(?:ok|d'accord|bon|bien|oui|ouais|non|merci|ah|euh|alors|parfait|super|et|mais|ou|pis) )*"
        r"(?:et|ou|pis|qu'en est il (?:de|du|des)) (?P<rest>.+)"
    ),
    clausal=word_set("""
        je j'ai j'aimerais j'avais j'étais j'habite j'aurais tu il elle on nous ils elles ça ce c'est
        c'était qu'est y est sont était étaient a ai as ont avait avaient suis sommes êtes avez avons
        peux peut peuvent pourrait veux veut voudrais voudrait dois doit faut va vais vont fait fais
        ne qui que quoi quand où comment combien pourquoi quel quelle quels quelles puis aussi
        surtout donc alors là
    """),
    time=word_set(
        "aujourd'hui demain hier matin midi après-midi soir nuit minuit jour jours semaine semaines week"
        " end mois an ans"
        " année lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin"
        " juillet août"
        " septembre octobre novembre décembre heures heure prochain prochaine dernier dernière"
    ),
)

_CLAUSES = Clauses(
    never_last=word_set("""
        m mm mme mmes mlle mlles dr pr me mgr st ste tél n° no av bd bld bvd env ex p.ex c.-à-d cf fig art
        max min
        janv févr avr juil sept oct nov déc vs ext réf
    """),
    sometimes_last=word_set("etc s.a s.a.r.l cie h"),
    joints=word_set("""
        et mais ou parce car donc que qui dont où si quand lorsque puisque comme avec sans pour par dans en
        sur chez
        avant après pendant depuis entre à
    """),
    bound=word_set(
        "le la les un une des du de au aux à mon ma mes votre vos notre nos son sa ses ce cette ces est"
        " sont ne"
        " très et en je vous il elle on"
    ),
)

FRENCH = TurnLanguage(
    "fr",
    _ENDINGS,
    _NUMBERS,
    _ASKING,
    _SENTENCES,
    Backchannels(
        words=word_set(
            "mm mmm mhm mm-hm hm hum ah oh euh oui ouais ok okay d'accord bon bien voilà exact super parfait"
            " entendu"
        ),
        phrases=(
            ("je", "vois"),
            ("très", "bien"),
            ("bien", "sûr"),
            ("je", "comprends"),
            ("ah", "bon"),
            ("c'est", "ça"),
        ),
    ),
    _CLAUSES,
)
