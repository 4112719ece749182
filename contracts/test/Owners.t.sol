// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Anchored} from "../src/Anchored.sol";
import {Balancer} from "../src/Balancer.sol";
import {Directory} from "../src/Directory.sol";
import {LogHeads} from "../src/LogHeads.sol";
import {MemberNames} from "../src/MemberNames.sol";
import {Providers} from "../src/Providers.sol";
import {Signatures} from "../src/Signatures.sol";
import {Base} from "./Base.sol";

/// @dev Every function that writes has an owner: nobody else can call it.
contract OwnersTest is Base {
    function setUp() public {
        deploy(address(0));
    }

    function onlyAnchor(address sender) private {
        vm.assume(sender != ANCHOR);
        vm.prank(sender);
        vm.expectRevert(Anchored.NotAnchor.selector);
    }

    function testFuzzRegister(address sender, bytes32 member, address owner, bytes calldata signed) public {
        onlyAnchor(sender);
        names.register("anna", member, owner, signed);
    }

    function testFuzzRotate(address sender, address next, bytes calldata a, bytes calldata b) public {
        onlyAnchor(sender);
        names.rotate("anna", next, a, b);
    }

    function testFuzzAnchor(address sender, uint64 size, bytes32 root) public {
        onlyAnchor(sender);
        heads.anchor(size, root);
    }

    function testFuzzRaiseEpochs(address sender, LogHeads.SpaceEpoch[] calldata epochs) public {
        onlyAnchor(sender);
        heads.raiseEpochs(epochs);
    }

    function testFuzzAdmit(address sender, Providers.Admission calldata a, bytes calldata signed) public {
        onlyAnchor(sender);
        providers.admit(a, signed);
    }

    function testFuzzRetire(address sender, bytes32 id) public {
        onlyAnchor(sender);
        providers.retire(id);
    }

    function testFuzzReport(address sender, Providers.Report[] calldata reports) public {
        onlyAnchor(sender);
        providers.report(reports);
    }

    function testFuzzAssess(address sender, Providers.Assessment[] calldata assessments) public {
        onlyAnchor(sender);
        providers.assess(assessments);
    }

    function testFuzzAddDomain(address sender) public {
        vm.assume(sender != address(providers));
        vm.prank(sender);
        vm.expectRevert(Balancer.NotRegistry.selector);
        balancer.addDomain();
    }

    function testFuzzUpdate(address sender, uint32 slot, uint32 weight, uint8 from, uint8 to) public {
        vm.assume(sender != address(providers));
        vm.prank(sender);
        vm.expectRevert(Balancer.NotRegistry.selector);
        balancer.update(slot, weight, from, to);
    }

    function testFuzzGovernNeedsTheAdmin(address sender, uint256 key, uint8 role, address next) public {
        key = 1 + key % (ORDER - 1);
        vm.assume(key != ADMIN_KEY);
        bytes32 kind = keccak256("Govern(uint8 role,address next,uint256 nonce)");
        role %= 3;
        bytes memory signed =
            signature(key, directory.domainSeparator(), keccak256(abi.encode(kind, role, next, uint256(0))));
        vm.prank(sender);
        vm.expectRevert(Signatures.WrongSignature.selector);
        directory.govern(Directory.Role(role), next, signed);
    }

    function testFuzzReportNeedsTheReporter(uint256 key, uint32 capacity, uint32 used) public {
        key = 1 + key % (ORDER - 1);
        vm.assume(key != 7);
        bytes32 id = admit(1, bytes32(uint256(5)), 7);
        Providers.Report[] memory reports = new Providers.Report[](1);
        reports[0] = signedReport(id, key, capacity, used, 1);
        vm.prank(ANCHOR);
        vm.expectRevert(Signatures.WrongSignature.selector);
        providers.report(reports);
    }

    function testFuzzAdmissionNeedsTheAdmitter(uint256 key) public {
        key = 1 + key % (ORDER - 1);
        deploy(vm.addr(ADMITTER_KEY));
        Providers.Admission memory a = admission(1, bytes32(uint256(5)), 7);
        bytes32 kind =
            keccak256("Admit(bytes32 id,bytes32 endpointKey,bytes32 operator,bytes32 domain,address reporter)");
        bytes32 structHash =
            keccak256(abi.encode(kind, a.id, a.endpointKey, a.operator, a.domain, a.reporter));
        bytes memory signed = signature(key, providers.domainSeparator(), structHash);
        vm.prank(ANCHOR);
        if (key != ADMITTER_KEY) vm.expectRevert(Signatures.WrongSignature.selector);
        providers.admit(a, signed);
        if (key == ADMITTER_KEY) return;
        signed = signature(ADMITTER_KEY, providers.domainSeparator(), structHash);
        vm.prank(ANCHOR);
        providers.admit(a, signed);
        check(providers.providerOf(a.id).provider.admitted, "admitted");
    }

    function testTheAdminExchangesRoles() public {
        bytes32 kind = keccak256("Govern(uint8 role,address next,uint256 nonce)");
        for (uint8 role = 0; role < 3; role++) {
            uint256 nonce = directory.nonce();
            uint256 key = role == 0 ? ADMIN_KEY : 99;
            address next = vm.addr(99);
            bytes memory signed =
                signature(key, directory.domainSeparator(), keccak256(abi.encode(kind, role, next, nonce)));
            directory.govern(Directory.Role(role), next, signed);
            vm.expectRevert(Signatures.WrongSignature.selector);
            directory.govern(Directory.Role(role), next, signed);
        }
        check(directory.admin() == vm.addr(99) && directory.anchor() == vm.addr(99), "roles");
        check(directory.admitter() == vm.addr(99) && directory.nonce() == 3, "roles");
        bytes memory none =
            signature(99, directory.domainSeparator(), keccak256(abi.encode(kind, 1, address(0), uint256(3))));
        vm.expectRevert(Directory.NoAnchor.selector);
        directory.govern(Directory.Role.Anchor, address(0), none);
        vm.prank(ANCHOR);
        vm.expectRevert(Anchored.NotAnchor.selector);
        heads.anchor(1, 0);
    }
}
