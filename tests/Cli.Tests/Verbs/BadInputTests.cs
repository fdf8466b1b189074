namespace DistTrain.Cli.Tests.Verbs;

public sealed class BadInputTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData("train --model two-layers", "--model is 'two-layers'", "two-layer, mlp-1024, multi-layer", "Did you mean 'two-layer'?")]
    [InlineData("train --dataset mnits", "--dataset is 'mnits'", "mnist, synthetic", "Did you mean 'mnist'?")]
    [InlineData("train --optimizer adm", "--optimizer is 'adm'", "sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, lamb", "Did you mean 'adam'?")]
    [InlineData("train --batch-size 0", "--batch-size is '0'", "at least 1")]
    [InlineData("train --batch-size 1e3", "--batch-size is '1e3'", "whole number")]
    [InlineData("train --batch-size 99999999999", "--batch-size is '99999999999'")]
    [InlineData("train --lr -0.1", "--lr is '-0.1'", "above 0")]
    [InlineData("train --lr NaN", "--lr is 'NaN'", "above 0")]
    [InlineData("train --lr 0,1", "--lr is '0,1'")]
    [InlineData("train --lr 1e99", "The learning rate is 1E+99")]
    [InlineData("train --momentum 1", "--momentum is '1'", "below 1")]
    [InlineData("train --optimizer sgd --momentum 0.5", "sgd", "no hyperparameter momentum")]
    [InlineData("train --weight-decay -1", "--weight-decay is '-1'", "at least 0")]
    [InlineData("train --l1 NaN", "--l1 is 'NaN'", "at least 0")]
    [InlineData("train --clip-norm 0", "--clip-norm is '0'", "above 0")]
    [InlineData("train --clip-norm 1e-99", "clipNorm of momentum is 1E-99", "above 0")]
    [InlineData("train --schedule cosin", "--schedule is 'cosin'", "constant, step, cosine", "Did you mean 'cosine'?")]
    [InlineData("train --schedule step", "The schedule step needs decay steps")]
    [InlineData("train --decay-steps 5", "The schedule constant has no decay steps")]
    [InlineData("train --schedule cosine --gamma 0.5", "The schedule cosine has no gamma")]
    [InlineData("train --schedule step --decay-steps 5 --gamma 1.5", "--gamma is '1.5'", "at most 1")]
    [InlineData("train --schedule step --decay-steps 5 --min-lr 0.01", "The schedule step has no minimum learning rate")]
    [InlineData("train --schedule cosine --lr 0.1 --min-lr 0.2", "minimum learning rate is 0.2", "0.1")]
    [InlineData("train --label-smoothing 1", "--label-smoothing is '1'", "below 1")]
    [InlineData("train --warmup-steps 0", "--warmup-steps is '0'", "at least 1")]
    [InlineData("train --schedule cosine --warmup-steps 9 --steps 9", "9 warm-up steps", "9 in all")]
    [InlineData("train --epochs 1 --steps 1", "--epochs and --steps", "one of the two")]
    [InlineData("train --epochs 0", "--epochs is '0'")]
    [InlineData("train --steps 0", "--steps is '0'")]
    [InlineData("train --shards 0", "--shards is '0'", "from 1 to 4096")]
    [InlineData("train --shards 4097", "--shards is '4097'")]
    [InlineData("train --workers -1", "--workers is '-1'", "0 to")]
    [InlineData("train --threads 0", "--threads is '0'")]
    [InlineData("train --seed -1", "--seed is '-1'")]
    [InlineData("train --start-timeout 0", "--start-timeout is '0'")]
    [InlineData("train --hidden 10", "--hidden goes with --model multi-layer")]
    [InlineData("train --model multi-layer --hidden 10,0", "--hidden is '10,0'")]
    [InlineData("train --model multi-layer --activation gelu", "relu, sigmoid, tanh")]
    [InlineData("train --config missing.json", "missing.json")]
    [InlineData("train --config bad.json", "bad.json (line 2)", "'batchsize'", "Did you mean 'batchSize'?")]
    [InlineData("train --config zero.json", "zero.json (line 3): batchSize is '0'")]
    [InlineData("train --config other-data.json", "digest", "--data DIR")]
    [InlineData("train --config future.json", "numerics revision 99")]
    [InlineData("train --model missing.json", "missing.json")]
    [InlineData("train --model broken.json", "broken.json, line 1")]
    [InlineData("train --model no-fit.json", "layer 0", "units is 0")]
    [InlineData("train --model wrong-shape.json", "783")]
    [InlineData("train --out full", "full", "not empty", "keep.txt")]
    [InlineData("train --out bad.json", "bad.json is a file")]
    [InlineData("train --epoch 1", "'--epoch'", "Did you mean '--epochs'?", "disttrain train --help")]
    [InlineData("train something", "'something' is no argument here")]
    [InlineData("train --seed", "--seed")]
    [InlineData("train --seed 1 --seed 2", "--seed")]
    [InlineData("trian", "'trian'", "Did you mean 'train'?")]
    [InlineData("", "disttrain --help")]
    [InlineData("evaluate", "RUN", "disttrain evaluate --help")]
    [InlineData("evaluate nowhere", "nowhere")]
    [InlineData("coordinator --listen 0.0.0.0:0", "no home directory", "--identity DIR")]
    [InlineData("coordinator --listen 0.0.0.0:0 --tls --insecure", "--tls", "--insecure contradict each other")]
    [InlineData("worker --token dt1.0123abcd.AAAAAAAAAAAAAAAAAAAAAA", "--token", "goes with --ca-hash")]
    [InlineData("worker --token wrong", "--token is no token", "Paste the whole line")]
    [InlineData("worker --ca-hash sha256:12", "--ca-hash is no authority's hash", "64 digits")]
    [InlineData("token create --valid 5y --identity x", "--valid is '5y'", "365d")]
    [InlineData("coordinator --listen 29500", "--listen is '29500'", "HOST:PORT")]
    [InlineData("coordinator --listen nobody.invalid:1", "nobody.invalid")]
    [InlineData("coordinator --listen unix:", "'unix:'", "the path of a socket")]
    [InlineData("coordinator --out run --listen unix:/no/such/place.sock", "unix:/no/such/place.sock", "there is no directory /no/such")]
    [InlineData("coordinator --out run --listen unix:/dev/null", "unix:/dev/null", "is no socket")]
    [InlineData("coordinator --listen unix:/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "has 108 bytes", "at most 107")]
    [InlineData("coordinator --workers 0", "--workers is '0'", "1 to")]
    [InlineData("worker --coordinator nowhere", "--coordinator is 'nowhere'", "HOST:PORT")]
    [InlineData("worker --coordinator []:1", "--coordinator is '[]:1'", "HOST:PORT")]
    [InlineData("worker --coordinator unix:", "'unix:'", "the path of a socket")]
    [InlineData("worker --threads 0", "--threads is '0'")]
    [InlineData("train --min-workers 2", "--min-workers goes with --workers 1 or more")]
    [InlineData("train --max-workers 2 --workers 0", "--max-workers goes with --workers 1 or more")]
    [InlineData("train --workers 2 --min-workers 3", "--min-workers is 3", "--workers 2")]
    [InlineData("train --workers 3 --max-workers 2", "--workers is 3", "--max-workers takes only 2")]
    [InlineData("train --workers 3 --min-workers 3 --max-workers 2", "--min-workers is 3 and --max-workers 2")]
    [InlineData("train --workers 2 --min-workers 0", "--min-workers is '0'", "from 1 to")]
    [InlineData("train --audit 0.5", "--audit compares what two workers compute", "--workers is 0")]
    [InlineData("train --audit 1 --workers 1", "--audit compares what two workers compute", "--workers is 1")]
    [InlineData("train --audit 1.5 --workers 3", "--audit is '1.5'", "from 0 to 1")]
    [InlineData("coordinator --min-workers 3 --workers 2", "--min-workers is 3")]
    [InlineData("coordinator --audit 0.1 --max-workers 1", "--audit compares what two workers compute", "--max-workers is 1")]
    [InlineData("pause --run nowhere", "nowhere", "disttrain train")]
    [InlineData("pause --run full", "holds no run")]
    [InlineData("stop --run full --coordinator 127.0.0.1:1", "--coordinator and --run", "one of the two")]
    [InlineData("status --coordinator here", "--coordinator is 'here'", "HOST:PORT")]
    [InlineData("status --coordinator unix:", "'unix:'", "the path of a socket")]
    [InlineData("scale", "N", "disttrain scale --help")]
    [InlineData("scale two", "N is 'two'", "0 to 1024")]
    [InlineData("scale 1025", "N is '1025'")]
    [InlineData("scale -1")]
    [InlineData("compare --workers 0,0", "--workers names a worker count twice")]
    [InlineData("compare --workers 0,x", "--workers is '0,x'")]
    [InlineData("compare --repeats 0", "--repeats is '0'; it must be a whole number from 1 to 100.")]
    [InlineData("compare --break-even maesure", "--break-even is 'maesure'", "Did you mean 'measure'?")]
    [InlineData("compare --epochs 1 --steps 2", "both say how long to train")]
    [InlineData("compare --workers 0 --optimizer adm", "Did you mean 'adam'?")]
    [InlineData("gradcheck --model two-layers", "Did you mean 'two-layer'?")]
    [InlineData("gradcheck --model no-parameters.json", "no-parameters.json", "nothing to learn")]
    [InlineData("data verify --data nowhere", "nowhere", "disttrain data fetch")]
    [InlineData("data verify --dataset cifar", "--dataset is 'cifar'")]
    [InlineData("data", "disttrain data --help")]
    public async Task Command_WrongUse_SaysWhatWhereAndHow_AndExitsWith2(string line, params string[] expected)
    {
        _command.Write("bad.json", "{\n  \"batchsize\": 10\n}");
        _command.Write("zero.json", "{\n\n  \"batchSize\": 0\n}");
        _command.Write("future.json", """{ "numericsRevision": 99 }""");
        _command.Write("other-data.json", """{ "dataset": { "name": "synthetic", "digest": "00", "trainCount": 1, "testCount": 1, "sampleSize": 784, "classCount": 10 } }""");
        _command.Write("broken.json", "{ \"name\": ");
        _command.Write("no-fit.json", """{ "name": "x", "input": [784], "layers": [ { "type": "affine", "units": 0 } ] }""");
        _command.Write("wrong-shape.json", """{ "name": "x", "input": [783], "layers": [ { "type": "affine", "units": 10 } ] }""");
        _command.Write("no-parameters.json", """{ "name": "x", "input": [784], "layers": [ { "type": "relu" } ] }""");
        Directory.CreateDirectory(_command.File("full"));
        _command.Write("full/keep.txt", "mine");
        var before = Files();

        var code = await _command.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, code);
        Assert.All(expected, part => Assert.Contains(part, _command.Error, StringComparison.Ordinal));
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("   at ", _command.Error, StringComparison.Ordinal);
        Assert.Equal("", _command.Output);
        Assert.Equal(before, Files());
    }

    [Theory]
    [InlineData("train --json --optimizer adm")]
    [InlineData("train --json --epoch 1")]
    [InlineData("train --config missing.json --json")]
    public async Task Command_WrongUseWithJson_EndsWithAFailedEvent(string line)
    {
        Assert.Equal(2, await _command.RunAsync(line.Split(' ')));

        Assert.Equal(("failed", 2), (_command.Last.GetProperty("event").GetString(), _command.Last.GetProperty("exitCode").GetInt32()));
        Assert.NotEqual("", _command.Last.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Environment_WrongValue_NamesTheVariable()
    {
        _command.Variables["DISTTRAIN_THREADS"] = "many";

        Assert.Equal(2, await _command.RunAsync("train"));

        Assert.Contains("DISTTRAIN_THREADS is 'many'", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("--help")]
    [InlineData("train --help")]
    [InlineData("data fetch --help")]
    public async Task Command_AskedForHelpOrVersion_ExitsWith0(string line)
    {
        Assert.Equal(0, await _command.RunAsync(line.Split(' ')));

        Assert.NotEqual("", _command.Output);
        Assert.Equal("", _command.Error);
    }

    private string[] Files() => [.. Directory.EnumerateFileSystemEntries(_command.Directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
}
