"""Artists and titles as they stand in tags, by language, and the encoding of their old tags."""

LEGACY: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "Russian": ("cp1251", (
        ("Кино", "Группа крови"), ("ДДТ", "Что такое осень"), ("Земфира", "Ариведерчи"),
        ("Сплин", "Выхода нет"), ("Алла Пугачёва", "Миллион алых роз"), ("Наутилус Помпилиус", "Крылья"),
        ("Агата Кристи", "Как на войне"), ("Машина времени", "Поворот"), ("Аквариум", "Город золотой"),
        ("Би-2", "Полковнику никто не пишет"), ("Владимир Высоцкий", "Кони привередливые"),
        ("Мумий Тролль", "Владивосток 2000"), ("Король и Шут", "Лесник"), ("Ария", "Беспечный ангел"),
        ("Сектор Газа", "Лирика"), ("Пикник", "У шамана три руки"), ("Чиж & Co", "О любви"),
        ("Ленинград", "Экспонат"), ("Океан Ельзи", "Обійми"), ("Ляпис Трубецкой", "Воины света"),
    )),
    "Japanese": ("cp932", (
        ("宇多田ヒカル", "花束を君に"), ("椎名林檎", "丸の内サディスティック"), ("スピッツ", "ロビンソン"),
        ("米津玄師", "パプリカ"), ("サカナクション", "新宝島"), ("坂本九", "上を向いて歩こう"),
        ("くるり", "ばらの花"), ("山下達郎", "クリスマス・イブ"), ("竹内まりや", "プラスティック・ラブ"),
        ("美空ひばり", "川の流れのように"), ("中島みゆき", "糸"), ("東京事変", "群青日和"),
        ("久石譲", "人生のメリーゴーランド"), ("細野晴臣", "恋は桃色"), ("はっぴいえんど", "風をあつめて"),
        ("松任谷由実", "ルージュの伝言"), ("井上陽水", "少年時代"), ("ゆらゆら帝国", "空洞です"),
        ("フィッシュマンズ", "ナイトクルージング"), ("YMO", "君に、胸キュン。"),
    )),
    "Simplified Chinese": ("gb18030", (
        ("周杰伦", "青花瓷"), ("王菲", "红豆"), ("崔健", "一无所有"), ("邓丽君", "月亮代表我的心"),
        ("许巍", "蓝莲花"), ("朴树", "平凡之路"), ("李健", "传奇"), ("陈奕迅", "十年"),
        ("张学友", "吻别"), ("刘德华", "忘情水"), ("窦唯", "高级动物"), ("黑豹乐队", "无地自容"),
        ("唐朝乐队", "梦回唐朝"), ("那英", "征服"), ("孙燕姿", "遇见"), ("林俊杰", "江南"),
        ("罗大佑", "童年"), ("老狼", "同桌的你"), ("汪峰", "春天里"), ("五月天", "倔强"),
    )),
    "Traditional Chinese": ("cp950", (
        ("周杰倫", "青花瓷"), ("鄧麗君", "月亮代表我的心"), ("五月天", "倔強"), ("張惠妹", "聽海"),
        ("羅大佑", "童年"), ("陳奕迅", "十年"), ("蔡依林", "舞孃"), ("王力宏", "大城小愛"),
        ("伍佰", "挪威的森林"), ("李宗盛", "山丘"), ("孫燕姿", "遇見"), ("林憶蓮", "至少還有你"),
        ("張學友", "吻別"), ("劉德華", "忘情水"), ("蘇打綠", "小情歌"), ("滾石唱片", "夢醒時分"),
        ("梅艷芳", "女人花"), ("譚詠麟", "朋友"), ("蔡琴", "被遺忘的時光"), ("黃家駒", "海闊天空"),
    )),
    "Korean": ("cp949", (
        ("아이유", "밤편지"), ("김광석", "서른 즈음에"), ("서태지와 아이들", "난 알아요"),
        ("방탄소년단", "봄날"), ("소녀시대", "다시 만난 세계"), ("이문세", "광화문 연가"),
        ("조용필", "돌아와요 부산항에"), ("혁오", "위잉위잉"), ("잔나비", "주저하는 연인들을 위해"),
        ("박효신", "야생화"), ("이소라", "바람이 분다"), ("버스커 버스커", "벚꽃 엔딩"),
        ("들국화", "그것만이 내 세상"), ("신중현", "미인"), ("산울림", "아니 벌써"),
        ("태연", "사계"), ("빅뱅", "거짓말"), ("자우림", "스물다섯, 스물하나"),
        ("검정치마", "기다린 만큼, 더"), ("볼빨간사춘기", "우주를 줄게"),
    )),
}  # fmt: skip

WESTERN: dict[str, tuple[tuple[str, str], ...]] = {
    "French": (
        ("Édith Piaf", "Non, je ne regrette rien"), ("Beyoncé", "Déjà Vu"), ("Noir Désir", "Le vent"),
        ("Zaz", "Éblouie par la nuit"), ("Stromae", "Formidable (ceci n'est pas une leçon)"),
        ("Mylène Farmer", "Désenchantée"), ("Françoise Hardy", "Tous les garçons et les filles"),
        ("Céline Dion", "Pour que tu m'aimes encore"), ("Jacques Brel", "La chanson des vieux amants"),
        ("Étienne Daho", "Été 84"), ("Véronique Sanson", "Drôle de vie"), ("Camélia Jordana", "Dans la peau"),
    ),
    "German": (
        ("Die Ärzte", "Männer sind Schweine"), ("Motörhead", "Ace of Spades"), ("Mötley Crüe", "Kickstart My Heart"),
        ("Herbert Grönemeyer", "Bochum"), ("Die Toten Hosen", "Schönen Gruß, auf Wiedersehn"),
        ("Fettes Brot", "Schwule Mädchen"), ("Blümchen", "Herz an Herz"), ("Rammstein", "Führe mich"),
        ("Einstürzende Neubauten", "Haus der Lüge"), ("Blue Öyster Cult", "Don't Fear the Reaper"),
        ("Die Ärzte", "Zu spät"), ("Queensrÿche", "Silent Lucidity"),
    ),
    "Spanish": (
        ("Julieta Venegas", "Limón y sal"), ("Maná", "Oye mi amor"), ("Café Tacvba", "Ingrata"),
        ("Joaquín Sabina", "19 días y 500 noches"), ("Rosalía", "Malamente"), ("Shakira", "Estoy aquí"),
        ("Héroes del Silencio", "Entre dos tierras"), ("Los Ángeles Azules", "Cómo te voy a olvidar"),
        ("Manu Chao", "¿Qué horas son, mi corazón?"), ("Celia Cruz", "La vida es un carnaval ¡Azúcar!"),
    ),
    "Portuguese": (
        ("João Gilberto", "Chega de Saudade"), ("Antônio Carlos Jobim", "Águas de Março"),
        ("Caetano Veloso", "Você não me ensinou a te esquecer"), ("Gal Costa", "Força estranha"), ("Amália Rodrigues", "Solidão"),
        ("Legião Urbana", "Faroeste caboclo"), ("Tim Maia", "Gostava tanto de você"), ("Zé Ramalho", "Avôhai"),
    ),
    "Nordic": (
        ("Sigur Rós", "Ágætis byrjun"), ("Björk", "Jóga"), ("Ásgeir", "Dýrð í dauðaþögn"),
        ("Röyksopp", "Så lett å være"), ("MØ", "Final Song"), ("Håkan Hellström", "Känn ingen sorg för mig"),
        ("Värttinä", "Äijö"), ("Tõnis Mägi", "Jäääär"), ("Emilíana Torrini", "Þú ert jörðin"),
        ("Lisa Ekdahl", "Vem vet på mig"), ("Eppu Normaali", "Näin kulutan aikaa yö"), ("Mugison", "Haglél"),
    ),
    "Plain": (
        ("Sunn O)))", "It Took the Night to Believe"), ("AC/DC", "Hells Bells"), ("Anon", "© 1999 ®"),
        ("Artist", "Rock ’n’ Roll – “Live”"), ("Somebody", "½ × 2 = 1 °C"), ("Art", "It’s… over"),
    ),
}  # fmt: skip
"""In Latin-1, or in cp1252, which programs write under its name."""
